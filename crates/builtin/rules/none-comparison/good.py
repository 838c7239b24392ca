def load(path, mode, session, frame, Row):
    if path is None:
        return "x == None"
    # if path == None: this is a comment
    rows = session.query(Row).filter(Row.name == None).all()
    empty = frame[frame.name == None]
    mask = frame.name == None
    return rows, empty, mask, path == mode
