def square_gradient(x):
    """t1 from x"""
    t1 = 2.0 * x
    return t1
