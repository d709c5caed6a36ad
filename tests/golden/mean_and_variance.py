def mean_and_variance(y):
    """t2, t4 from y"""
    n = y.shape[0]
    # t1 = sum(y)
    t1 = 0.0
    for i in range(n):
        t1 += y[i]
    v1 = float64(n)
    v2 = t1 / v1
    t2 = v2
    # t3 = sum(sqr((y - (t1 / cast(..., to='float64')))))
    t3 = 0.0
    for i in range(n):
        v3 = y[i] - v2
        t3 += v3 * v3
    t4 = t3 / v1
    return t2, t4
