pub fn find(db: &mut Client, name: &str) {
    db.execute(&format!("DELETE FROM users WHERE name = '{name}'"), &[]); // expect: sql-injection
    db.query(&format!("SELECT * FROM users WHERE name = '{}'", name), &[]); // expect: sql-injection
}
