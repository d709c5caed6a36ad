def two_outputs_one_loop(y, v):
    """t1, t2 from y, v"""
    n = y.shape[0]
    d = v.shape[0]
    if n != d:
        raise Failed(1)  # the sizes of the inputs of add(y, v) disagree
    # t1 = y + v
    # t2 = y * v
    t1 = empty(n)
    t2 = empty(n)
    for i in range(n):
        y_i = y[i]
        v_i = v[i]
        t1[i] = y_i + v_i
        t2[i] = y_i * v_i
    return t1, t2
