def argmax_rows(X):
    """t1, t2 from X"""
    n, d = X.shape
    if not (d > 0 or n == 0):
        raise Failed(1)  # argmax of an empty array: there is no largest element
    # t1 = argmax(X, axis=(1,))
    # t2 = max(X, axis=(1,))
    t1 = empty(n, int64)
    t2 = empty(n)
    for i in range(n):
        best1 = -inf
        acc1 = 0
        acc2 = -inf
        for j in range(d):
            X_ij = X[i, j]
            if X_ij > best1 or X_ij != X_ij and best1 == best1:
                best1 = X_ij
                acc1 = j
            acc2 = maximum(acc2, X_ij)
        t1[i] = acc1
        t2[i] = acc2
    return t1, t2
