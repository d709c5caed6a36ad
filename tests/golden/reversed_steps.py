def reversed_steps(y):
    """t1 from y"""
    n = y.shape[0]
    n1 = integer.floor_divide(n + 1, 2)
    # t1 = y[::-2]
    t1 = empty(n1)
    v1 = n - 1
    for i in range(n1):
        t1[i] = y[i * -2 + v1]
    return t1
