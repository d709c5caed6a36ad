def switch(y):
    """t1 from y"""
    n = y.shape[0]
    # t1 = switch((y < 0.0), (-y), sqrt(y))
    t1 = empty(n)
    for i in range(n):
        y_i = y[i]
        t1[i] = -y_i if y_i < 0.0 else math.sqrt(y_i)
    return t1
