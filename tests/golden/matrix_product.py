def matrix_product(X):
    """t1 from X"""
    n, d = X.shape
    # t1 = X @ X.T
    t1 = blas.gemm_nt(X, X)
    return t1
