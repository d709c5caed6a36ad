def slices(y):
    """t1 from y"""
    n = y.shape[0]
    n1 = max(n - 1, 0)
    # t1 = y[1:] - y[:-1]
    t1 = empty(n1)
    for i in range(n1):
        t1[i] = y[i + 1] - y[i]
    return t1
