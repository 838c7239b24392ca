def name(n, reader):
    if n == 1:
        if n == 1:
            return "one"
    elif n == 2:
        return "two"
    elif reader.advance():
        return "a"
    elif reader.advance():
        return "b"
    if n == 1:
        return "if n == 1"
