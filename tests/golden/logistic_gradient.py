def logistic_gradient(X, v, w):
    """loss, dloss_dw from X, v, w"""
    n, d = X.shape
    m = v.shape[0]
    h = w.shape[0]
    if d != h:
        raise Failed(1)  # the sizes of the inputs of mat_vec(X, w) disagree
    if m != n:
        raise Failed(2)  # the sizes of the inputs of mul(v, ...) disagree
    # t1 = X @ w
    # loss = sum((softplus(t1) - (v * t1)))
    # t2 = sigmoid(t1) - v
    # dloss_dw = t2 @ X
    dloss_dw = zeros(d)
    loss = 0.0
    rows = max(1, min(128, 32768 // (d + 1)))
    t1_block = empty(128)
    t2_block = empty(128)
    for i0 in range(0, n, rows):
        i1 = min(i0 + rows, n)
        for i in range(i0, i1):
            t1 = 0.0
            for j in range(d):
                t1 += X[i, j] * w[j]
            t1_block[i - i0] = t1
        for i in range(i0, i1):
            t1 = t1_block[i - i0]
            v_i = v[i]
            loss += softplus(t1) - v_i * t1
            t2 = sigmoid(t1) - v_i
            t2_block[i - i0] = t2
        for i in range(i0, i1):
            t2 = t2_block[i - i0]
            for j in range(d):
                dloss_dw[j] += t2 * X[i, j]
    return loss, dloss_dw
