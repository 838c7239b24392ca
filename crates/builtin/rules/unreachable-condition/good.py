def name(n, reader, text):
    if n == 1:
        if n == 1:
            return "one"
    elif n == 2:
        return "two"
    elif reader.advance():
        return "a"
    elif reader.advance():
        return "b"
    if text.startswith("    "):
        return "deep"
    elif text.startswith("  "):
        return "if n == 1"
