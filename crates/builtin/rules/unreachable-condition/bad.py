def name(n, text):
    if n == 1:
        return "one"
    elif n == 2:
        return "two"
    elif isinstance(text, str):
        return "text"
    elif n == 1:  # expect: unreachable-condition
        return "three"
    elif isinstance(text, str):  # expect: unreachable-condition
        return "more"
