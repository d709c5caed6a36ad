def gather(y, k):
    """t1 from y, k"""
    n = y.shape[0]
    d = k.shape[0]
    v1 = -n
    for i in range(d):
        k_i = k[i]
        if not (k_i >= v1 and k_i < n):
            raise Failed(1)  # A value of k is out of bounds for axis 0 of y
    # t1 = 2.0 * y[k]
    t1 = empty(d)
    for i in range(d):
        k_i_2 = k[i]
        t1[i] = 2.0 * y[k_i_2 + n if k_i_2 < 0 else k_i_2]
    return t1
