pub fn name(n: u8, text: &str) -> &'static str {
    if n == 1 {
        "one"
    } else if n == 2 {
        "two"
    } else if n == 1 { // expect: unreachable-condition
        "three"
    } else if text.is_empty() {
        "empty"
    } else if text.is_empty() { // expect: unreachable-condition
        "none"
    } else {
        "many"
    }
}
