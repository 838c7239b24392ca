pub fn inside(a: &[u8], b: &[u8], n: usize) -> bool {
    (a.is_empty() || a.is_empty()) // expect: same-operands
        && n < n // expect: same-operands
}
