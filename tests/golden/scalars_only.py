def scalars_only(x):
    """t2, t3 from x"""
    t1 = exp(x)
    t2 = 1.0 + t1
    t3 = 2.0 * t1
    return t2, t3
