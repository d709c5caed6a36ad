def cholesky_solve(X, y):
    """t4 from X, y"""
    n, d = X.shape
    m = y.shape[0]
    if n != d:
        raise Failed(1)  # the sizes of the inputs of cholesky(X) disagree
    if n != m:
        raise Failed(2)  # the sizes of the inputs of solve_triangular(..., ...) disagree
    t1 = empty((n, n))
    # t1 = cholesky(X, nan_on_error=False)
    lapack.cholesky_into(t1, X, True, False)
    # t2 = y
    t2 = empty((n, 1))
    for i in range(n):
        t2[i, 0] = y[i]
    t3 = t2
    # t3 = solve_triangular(t1, t2, lower=True, trans=0, unit_diagonal=False)
    lapack.solve_triangular_into(t3, t1, t2, True, 0, False)
    # t4 = t3
    t4 = empty(n)
    for i in range(n):
        t4[i] = t3[i, 0]
    return t4
