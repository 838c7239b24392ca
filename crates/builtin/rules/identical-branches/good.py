def pick(left, right, a):
    if left:
        a.one()
    else:
        a.two()
    if left:
        return 1  # the left side counts from one
    else:
        return 1
    if left:
        b = 1
    elif right:
        b = 2
    else:
        b = 2
    return a if left else b
