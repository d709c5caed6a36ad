def sum_of_squares_gradient(y):
    """t1, t2 from y"""
    n = y.shape[0]
    # t1 = sum(sqr(y))
    # t2 = 2.0 * y
    t2 = empty(n)
    t1 = 0.0
    for i in range(n):
        y_i = y[i]
        t1 += y_i * y_i
        t2[i] = 2.0 * y_i
    return t1, t2
