def cholesky_solve(X, y):
    """t4 from X, y"""
    n, d = X.shape
    m = y.shape[0]
    if n != d:
        raise Failed(1)  # the sizes of the inputs of Cholesky{nan_on_error=False} (X) disagree
    if n != m:
        raise Failed(2)  # the sizes of the inputs of SolveTriangular{lower=True, trans=0, unit_diagonal=False} (an unnamed input, an unnamed input) disagree
    # t1 = cholesky(X)
    t1 = cholesky(X, False)
    # t2 = y
    t2 = empty((n, 1))
    for i in range(n):
        t2[i, 0] = y[i]
    # t3 = solve_triangular(t1, t2)
    t3 = lapack.solve_triangular(t1, t2, True, 0, False)
    # t4 = t3
    t4 = empty(n)
    for i in range(n):
        t4[i] = t3[i, 0]
    return t4
