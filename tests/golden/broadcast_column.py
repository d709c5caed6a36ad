def broadcast_column(X, y):
    """t2 from X, y"""
    n, d = X.shape
    m = y.shape[0]
    if n != m:
        raise Failed(1)  # the sizes of the inputs of mul(X, ...) disagree
    # t1 = exp(y)
    # t2 = X * t1[:, None]
    t2 = empty((n, d))
    for i in range(n):
        t1 = exp(y[i])
        for j in range(d):
            t2[i, j] = X[i, j] * t1
    return t2
