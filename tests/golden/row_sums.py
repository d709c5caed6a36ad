def row_sums(X):
    """t1 from X"""
    n, d = X.shape
    # t1 = sum(X, axis=(1,))
    t1 = empty(n)
    for i in range(n):
        acc1 = 0.0
        for j in range(d):
            acc1 += X[i, j]
        t1[i] = acc1
    return t1
