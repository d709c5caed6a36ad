def constant_output(y):
    """t1 from y"""
    n = y.shape[0]
    t1 = zeros(n)
    return t1
