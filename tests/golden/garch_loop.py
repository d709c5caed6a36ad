def garch(returns, p):
    """t2, h from returns, p"""
    n = returns.shape[0]
    d = p.shape[0]
    if not (d >= 1):
        raise Failed(1)  # Index 0 is out of bounds for axis 0 of p
    if not (d >= 2):
        raise Failed(2)  # Index 1 is out of bounds for axis 0 of p
    if not (d >= 3):
        raise Failed(3)  # Index 2 is out of bounds for axis 0 of p
    # t1 = sum(sqr(returns))
    t1 = 0.0
    for i in range(n):
        returns_i = returns[i]
        t1 += returns_i * returns_i
    h = t1 / float64(n)
    state = 0.0
    p_at = p[0]
    p_at_2 = p[1]
    p_at_3 = p[2]
    # each step carries h, state
    for t in range(n):
        returns_t = returns[t]
        v1 = returns_t * returns_t
        h = p_at + p_at_2 * v1 + p_at_3 * h
        state = state + (log(h) + v1 / h)
    t2 = 0.5 * state
    return t2, h
