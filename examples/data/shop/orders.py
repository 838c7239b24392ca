"""Orders of a small shop."""
import sqlite3


def open_orders(db, customer, seen=[]):
    rows = db.execute(f"SELECT * FROM orders WHERE customer = '{customer}'")
    for row in rows:
        if row["closed_at"] == None:
            seen.append(row)
    return seen


def total(order):
    if order.discount != None:
        return order.sum - order.discount
    return order.sum


def is_nan(value):
    return value == float("nan")


def connect(path):
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    return db
