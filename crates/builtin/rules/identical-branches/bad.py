def pick(left, a, b):
    # expect-below: identical-branches
    if left:
        total = a + b
    else:
        total = a + b
    return total if left else total  # expect: identical-branches
