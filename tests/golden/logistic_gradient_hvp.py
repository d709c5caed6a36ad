def logistic_gradient_hvp(X, v, w, p):
    """loss, dloss_dw, hvp from X, v, w, p"""
    n, d = X.shape
    m = v.shape[0]
    h = w.shape[0]
    r = p.shape[0]
    if d != h:
        raise Failed(1)  # the sizes of the inputs of mat_vec(X, w) disagree
    if m != n:
        raise Failed(2)  # the sizes of the inputs of mul(v, ...) disagree
    if d != r:
        raise Failed(3)  # the sizes of the inputs of mat_vec(X, p) disagree
    # t1 = X @ w
    # loss = sum((softplus(t1) - (v * t1)))
    # t2 = sigmoid(t1)
    # dloss_dw = (t2 - v) @ X
    # t3 = X @ p
    # hvp = ((t3 * t2) * (1.0 - t2)) @ X
    dloss_dw = zeros(d)
    hvp = zeros(d)
    loss = 0.0
    rows = max(1, min(128, 32768 // (d + 1)))
    t1_block = empty(128)
    t3_block = empty(128)
    v1_block = empty(128)
    v4_block = empty(128)
    for i0 in range(0, n, rows):
        i1 = min(i0 + rows, n)
        for i in range(i0, i1):
            t1 = 0.0
            t3 = 0.0
            for j in range(d):
                X_ij = X[i, j]
                t1 += X_ij * w[j]
                t3 += X_ij * p[j]
            t1_block[i - i0] = t1
            t3_block[i - i0] = t3
        for i in range(i0, i1):
            t1 = t1_block[i - i0]
            t3 = t3_block[i - i0]
            v_i = v[i]
            loss += softplus(t1) - v_i * t1
            t2 = sigmoid(t1)
            v1 = t2 - v_i
            v2 = t3 * t2
            v3 = 1.0 - t2
            v4 = v2 * v3
            v1_block[i - i0] = v1
            v4_block[i - i0] = v4
        for i in range(i0, i1):
            v1 = v1_block[i - i0]
            v4 = v4_block[i - i0]
            for j in range(d):
                X_ij_2 = X[i, j]
                dloss_dw[j] += v1 * X_ij_2
                hvp[j] += v4 * X_ij_2
    return loss, dloss_dw, hvp
