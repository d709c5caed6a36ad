def switch_gradient(y):
    """t1 from y"""
    n = y.shape[0]
    # t1 = masked((y < 1.0), 1.0) + masked((~(y < 1.0)), (0.5 / sqrt(y)))
    t1 = empty(n)
    for i in range(n):
        y_i = y[i]
        v1 = y_i < 1.0
        t1[i] = (1.0 if v1 else 0.0) + (0.5 / math.sqrt(y_i) if ~v1 else 0.0)
    return t1
