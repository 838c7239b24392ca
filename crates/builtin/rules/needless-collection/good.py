def check(rows, names):
    # any([row.bad for row in rows])
    bad = any(row.bad for row in rows)
    listed = any([rows, names])
    return bad, listed, len([row for row in rows]), "any([x for x in y])"

async def later(rows):
    return any([await row.bad() for row in rows])
