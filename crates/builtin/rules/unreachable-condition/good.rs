pub fn name(n: u8, reader: &mut Reader) -> &'static str {
    if n == 1 {
        if n == 1 { "one" } else { "won" }
    } else if n == 2 {
        "two"
    } else if reader.advance() {
        "a"
    } else if reader.advance() {
        "b"
    } else {
        "if n == 1 else if n == 1"
    }
}
