pub fn find(db: &mut Client, name: &str, table: &str) {
    db.execute("DELETE FROM users WHERE name = $1", &[&name]);
    db.query(&format!("SELECT * FROM {table} WHERE name = $1"), &[&name]);
    println!("SELECT '{name}'");
}
