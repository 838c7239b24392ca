def inside(start, end, reader):
    # start and start
    return start and end or reader.read() and reader.read() or start != start or 1 < 1
