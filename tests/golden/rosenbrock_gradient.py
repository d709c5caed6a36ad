def rosenbrock_gradient(y):
    """t1 from y"""
    n = y.shape[0]
    n1 = max(n - 1, 0)
    t1 = zeros(n)
    # t1 = inc_subtensor(broadcast_to(0.0, y.shape[0])[:-1], ((-2.0 * (1.0 - y[: ...
    for i in range(n1):
        y_i = y[i]
        t1[i] += -2.0 * (1.0 - y_i) + -400.0 * (y[i + 1] - y_i * y_i) * y_i
    # t1 = inc_subtensor(broadcast_to(0.0, y.shape[0])[:-1], ((-2.0 * (1.0 - y[: ...
    for i in range(n1):
        v1 = i + 1
        y_i_2 = y[i]
        t1[v1] += 200.0 * (y[v1] - y_i_2 * y_i_2)
    return t1
