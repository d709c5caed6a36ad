def join(y, v):
    """t1 from y, v"""
    n = y.shape[0]
    d = v.shape[0]
    n1 = n + d
    # t1 = join(y, (2.0 * v), axis=0, count=2)
    t1 = empty(n1)
    for i in range(n):
        t1[i] = y[i]
    # t1 = join(y, (2.0 * v), axis=0, count=2)
    for i in range(d):
        t1[i + n] = 2.0 * v[i]
    return t1
