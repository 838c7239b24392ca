function find(db, name, table) {
  db.query("SELECT * FROM users WHERE name = ?", [name]);
  db.query(`SELECT * FROM ${table} WHERE name = ?`, [name]);
  console.log(`SELECT * FROM users WHERE name = '${name}'`);
}
