def matrix_product(X):
    """t2 from X"""
    n, d = X.shape
    # t1 = X.T
    t1 = empty((d, n))
    for i in range(d):
        for j in range(n):
            t1[i, j] = X[j, i]
    # t2 = X @ t1
    t2 = blas.gemm(X, t1)
    return t2
