def identity(y):
    """y_2 from y"""
    n = y.shape[0]
    # y_2: a copy
    y_2 = empty(n)
    for i in range(n):
        y_2[i] = y[i]
    return y_2
