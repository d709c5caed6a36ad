"""The tutorial "Derivatives in Theano", with nothing changed but the imports.

Shows that a program written for Theano runs as it stands. The same lines typed at a prompt, and
what each has to print, are in tests/test_tutorial.py.
"""

import numbagrad.tensor as T
from numbagrad import function, pp


def square():
    """The gradient of x²: as it is derived, as it is compiled, and at two points."""
    x = T.dscalar("x")
    y = x**2
    gy = T.grad(y, x)
    derived = pp(gy)
    f = function([x], gy)
    compiled = pp(f.maker.env.outputs[0])
    return derived, compiled, f(4), f(94.2)


def logistic():
    """The gradient of the logistic function, s(x)·(1 - s(x)), for each element of a matrix."""
    x = T.dmatrix("x")
    s = T.sum(1 / (1 + T.exp(-x)))
    gs = T.grad(s, x)
    dlogistic = function([x], gs)
    return dlogistic([[0, 1], [-1, -2]])


def main():
    """Print what the tutorial's functions give."""
    derived, compiled, at_4, at_94 = square()
    print("d(x**2)/dx as derived:  ", derived)
    print("              compiled: ", compiled)
    print("              at 4:     ", at_4)
    print("              at 94.2:  ", at_94)
    print("d(logistic)/dx:")
    print(logistic())


if __name__ == "__main__":
    main()
