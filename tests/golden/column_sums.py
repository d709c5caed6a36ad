def column_sums(X):
    """t1 from X"""
    n, d = X.shape
    # t1 = sum(X, axis=(0,))
    t1 = zeros(d)
    for i in range(n):
        for j in range(d):
            t1[j] += X[i, j]
    return t1
