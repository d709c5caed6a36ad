def softmax_rows(X):
    """t4 from X"""
    n, d = X.shape
    # t1 = peak(X, axis=(1,))
    # t2 = exp((X - t1))
    # t3 = sum(t2, axis=(1,))
    # t4 = t2 / t3
    t2 = empty(d)
    t4 = empty((n, d))
    t1_block = empty(128)
    t3_block = empty(128)
    X_turned = empty((min(d, 24), 128))
    t2_turned = empty((min(d, 24), 128))
    t4_turned = empty((min(d, 24), 128))
    if d <= 24 and n >= 64:
        for i0 in range(0, n, 128):
            i1 = min(i0 + 128, n)
            blas.turn_into(X_turned, X[i0:i1])
            for k in range(128):
                t1 = -inf
                t1_block[k] = t1
            for j in range(d):
                for k in range(128):
                    t1 = t1_block[k]
                    t1 = maximum(t1, X_turned[j, k])
                    t1_block[k] = t1
            for k in range(128):
                t3 = 0.0
                t3_block[k] = t3
            for j in range(d):
                for k in range(128):
                    t1 = t1_block[k]
                    t3 = t3_block[k]
                    t2_ij = exp(X_turned[j, k] - t1)
                    t2_turned[j, k] = t2_ij
                    t3 += t2_ij
                    t3_block[k] = t3
            for j in range(d):
                for k in range(128):
                    t3 = t3_block[k]
                    t4_turned[j, k] = t2_turned[j, k] / t3
            blas.turn_back_into(t4[i0:i1], t4_turned)
    else:
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
