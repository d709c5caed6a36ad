"""From a rewritten graph to Python source: plan, fuse, lower, emit.

roots       which variables get a buffer of their own
tasks       one scalar expression and its loops for each of those
fuse        tasks that share loops
lower       the Program: statements, with names
emit        the Program as text

Code generation switches on an Op's kind, never on its class, and knows nothing of Numba.
"""
