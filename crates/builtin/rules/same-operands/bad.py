def inside(start, end, flags):
    if start is not None and start is not None:  # expect: same-operands
        return end.line <= end.line  # expect: same-operands
    return flags.READ | flags.READ  # expect: same-operands
