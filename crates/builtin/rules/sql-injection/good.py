TABLE = "users"

def find(cursor, name, table):
    cursor.execute("SELECT * FROM users WHERE name = ?", (name,))
    cursor.execute(f"SELECT * FROM {table} WHERE name = ?", (name,))
    cursor.execute("SELECT * FROM %s WHERE name = '?'" % table)
    cursor.execute(f"SELECT name FROM t WHERE kind = '{TABLE}'")
    print(f"SELECT * FROM users WHERE name = '{name}'")
