def stack(y, v):
    """t1 from y, v"""
    n = y.shape[0]
    d = v.shape[0]
    if n != d:
        raise Failed(1)  # the sizes of the inputs of join(..., ...) disagree
    # t1 = join(y, v, axis=0, count=2)
    t1 = empty((2, n))
    for i in range(n):
        t1[0, i] = y[i]
        t1[1, i] = v[i]
    return t1
