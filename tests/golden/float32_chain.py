def float32_chain(f):
    """t1 from f"""
    n = f.shape[0]
    # t1 = tanh((0.5 * f))
    t1 = empty(n, float32)
    for i in range(n):
        t1[i] = tanh(float32(0.5) * f[i])
    return t1
