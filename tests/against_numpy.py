"""Compare a symbolic function with the NumPy function it stands for."""

import numpy as np

from numbagrad.function.function import function
from numbagrad.graph.tensor import TensorType

MODES = ("reference", None)


def variables(arrays, known=False):
    """An input for each array; sizes are unknown, unless ``known``, but for sizes of 1."""
    return [
        TensorType(a.dtype, [n if known or n == 1 else None for n in a.shape])() for a in arrays
    ]


def compare(symbolic, numpy, *arrays, modes=MODES, known=False, rtol=0.0):
    """Both give the same values, shapes and dtypes."""
    arrays = [np.asarray(a) for a in arrays]
    inputs = variables(arrays, known)
    made = symbolic(*inputs)
    outputs = list(made) if isinstance(made, (list, tuple)) else [made]
    expected = numpy(*arrays)
    expected = list(expected) if isinstance(made, (list, tuple)) else [expected]
    assert len(outputs) == len(expected)
    for mode in modes:
        f = function(inputs, outputs, mode=mode, on_unused_input="ignore")
        for got, want in zip(f(*arrays), expected, strict=True):
            want = np.asarray(want)
            assert got.dtype == want.dtype, (mode, got.dtype, want.dtype)
            assert got.shape == want.shape, (mode, got.shape, want.shape)
            np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)
    for output, want in zip(outputs, expected, strict=True):
        for size, n in zip(output.type.shape, np.shape(want), strict=True):
            assert size in (None, n)
