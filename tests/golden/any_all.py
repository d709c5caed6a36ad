def any_all(X):
    """t1, t2 from X"""
    n, d = X.shape
    # t1 = any((X > 1.0), axis=(1,))
    # t2 = all((X > -9.0))
    t1 = empty(n, bool_)
    t2 = True
    for i in range(n):
        acc1 = False
        for j in range(d):
            X_ij = X[i, j]
            acc1 = acc1 | (X_ij > 1.0)
            t2 = t2 & (X_ij > -9.0)
        t1[i] = acc1
    return t1, t2
