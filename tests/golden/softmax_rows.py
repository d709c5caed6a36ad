def softmax_rows(X):
    """t4 from X"""
    n, d = X.shape
    # t1 = peak(X, axis=(1,))
    # t2 = exp((X - t1))
    # t3 = sum(t2, axis=(1,))
    # t4 = t2 / t3
    t2 = empty(d)
    t4 = empty((n, d))
    for i in range(n):
        t1 = -inf
        for j in range(d):
            t1 = maximum(t1, X[i, j])
        t3 = 0.0
        for j in range(d):
            t2_ij = exp(X[i, j] - t1)
            t2[j] = t2_ij
            t3 += t2_ij
        for j in range(d):
            t4[i, j] = t2[j] / t3
    return t4
