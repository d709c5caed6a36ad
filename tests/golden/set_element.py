def set_element(y, x):
    """t1 from y, x"""
    n = y.shape[0]
    if not (n >= 1):
        raise Failed(1)  # Index 0 is out of bounds for axis 0 of y
    # t1 = set_subtensor(y[0], x)
    t1 = empty(n)
    for i in range(n):
        t1[i] = y[i]
    t1[0] = x
    return t1
