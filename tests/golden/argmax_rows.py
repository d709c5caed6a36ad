def argmax_rows(X):
    """t2, t1 from X"""
    n, d = X.shape
    if not (d > 0 or n == 0):
        raise Failed(1)  # max of an empty array: there is no largest element
    # t1 = max(X, axis=(1,))
    # t2 = min(switch(((X == t1) | is_nan(X)), iota(X.shape[1]), X.shape[1]), ax ...
    t1 = empty(n)
    t2 = empty(n, int64)
    for i in range(n):
        acc1 = -inf
        for j in range(d):
            acc1 = maximum(acc1, X[i, j])
        t1[i] = acc1
        acc2 = 9223372036854775807
        for j in range(d):
            X_ij = X[i, j]
            acc2 = minimum(acc2, j if (X_ij == acc1) | (X_ij != X_ij) else d)
        t2[i] = acc2
    return t2, t1
