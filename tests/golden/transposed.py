def transposed(X):
    """t1 from X"""
    n, d = X.shape
    # t1 = 2.0 * X.T
    t1 = empty((d, n))
    for i in range(d):
        for j in range(n):
            t1[i, j] = 2.0 * X[j, i]
    return t1
