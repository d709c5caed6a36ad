def elementwise_chain(y):
    """t1 from y"""
    n = y.shape[0]
    # t1 = 1.0 + (exp((-sqr(y))) * sin(y))
    t1 = empty(n)
    for i in range(n):
        y_i = y[i]
        t1[i] = 1.0 + exp(-(y_i * y_i)) * sin(y_i)
    return t1
