def integers(k):
    """t1, t2, t3 from k"""
    n = k.shape[0]
    # t1 = k // 3
    # t2 = k % 3
    # t3 = sum(k)
    t1 = empty(n, int64)
    t2 = empty(n, int64)
    t3 = 0
    for i in range(n):
        k_i = k[i]
        t1[i] = integer.floor_divide(k_i, 3)
        t2[i] = integer.remainder(k_i, 3)
        t3 += k_i
    return t1, t2, t3
