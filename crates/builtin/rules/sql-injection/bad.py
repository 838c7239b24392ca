def find(cursor, name, like):
    cursor.execute(f"SELECT * FROM users WHERE name = '{name}'")  # expect: sql-injection
    cursor.execute("DELETE FROM users WHERE name = '%s'" % name)  # expect: sql-injection
    cursor.execute("SELECT 1 FROM users WHERE name LIKE '%{}%'".format(like))  # expect: sql-injection
    cursor.execute("SELECT 1 FROM users WHERE name = '" + name + "'")  # expect: sql-injection
