// AKIAQ3EGRZ7PLM2WTDVB
pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const MARK: &str = "-----BEGIN PRIVATE KEY-----";

#[test]
fn parses() {
    parse("AKIAQ3EGRZ7PLM2WTDVB");
}
