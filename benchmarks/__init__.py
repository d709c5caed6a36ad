"""Speed of numbagrad beside NumPy, JAX and PyTensor. ``python -m benchmarks --help`` tells how.

Measured side by side in one run and reported as ratios; nothing here is a test that asserts a time.
"""
