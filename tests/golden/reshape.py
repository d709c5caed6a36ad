def reshape(X):
    """t1 from X"""
    n, d = X.shape
    n1 = n * d
    # t1 = 1.0 + reshape(X, (X.shape[0] * X.shape[1]))
    t1 = empty(n1)
    X_flat = X.reshape(-1)
    for i in range(n1):
        t1[i] = 1.0 + X_flat[i]
    return t1
