def garch_gradient(e, omega, alpha, beta):
    """loss, domega, dalpha, dbeta from e, omega, alpha, beta"""
    n = e.shape[0]
    square = 1.0
    variance = 1.0
    t1 = empty(n)
    square_all = empty(n)
    variance_all = empty(n)
    # each step carries square, variance and collects t1, square_all, variance_all
    for t in range(n):
        square_all[t] = square
        variance_all[t] = variance
        e_t = e[t]
        square_next = e_t * e_t
        variance = omega + alpha * square + beta * variance
        t1[t] = variance
        square = square_next
    # t2 = sum((log(t1) + (sqr(e) / t1)))
    # t3 = (-0.5 * ((sqr(e) / t1) / t1)) + (0.5 / t1)
    t3 = t1
    t2 = 0.0
    for i in range(n):
        t1_i = t1[i]
        e_i = e[i]
        v1 = e_i * e_i / t1_i
        t2 += log(t1_i) + v1
        t3[i] = -0.5 * (v1 / t1_i) + 0.5 / t1_i
    loss = 0.5 * t2
    dvariance = 0.0
    dalpha = 0.0
    domega = 0.0
    dbeta = 0.0
    v2 = n - 1
    # each step carries dvariance, dalpha, domega, dbeta
    for t in range(n):
        v3 = v2 - t
        t3_at = t3[v3]
        v4 = dvariance + t3_at
        dvariance_next = v4 * beta
        dalpha = dalpha + v4 * square_all[v3]
        domega = domega + dvariance + t3_at
        dbeta = dbeta + v4 * variance_all[v3]
        dvariance = dvariance_next
    return loss, domega, dalpha, dbeta
