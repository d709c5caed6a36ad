def outer_product(y, v):
    """t1 from y, v"""
    n = y.shape[0]
    d = v.shape[0]
    # t1 = y * v
    t1 = empty((n, d))
    for i in range(n):
        y_i = y[i]
        for j in range(d):
            t1[i, j] = y_i * v[j]
    return t1
