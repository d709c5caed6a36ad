def matrix_product(X):
    """t1 from X"""
    n, d = X.shape
    t1 = empty((n, n))
    # t1 = X @ X.T
    blas.gemm_nt_into(t1, X, X)
    return t1
