function find(db, name) {
  db.query(`SELECT * FROM users WHERE name = '${name}'`); // expect: sql-injection
  db.run("DELETE FROM users WHERE name = '" + name + "'"); // expect: sql-injection
}
