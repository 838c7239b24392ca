def check(rows, names):
    if any([row.bad for row in rows]):  # expect: needless-collection
        return False
    return all([name in rows for name in names if name])  # expect: needless-collection
