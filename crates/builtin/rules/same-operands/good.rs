pub fn inside(a: &mut Lines, n: f64) -> bool {
    a.next() && a.next() || n != n || n == n || 1 < 1 || "n < n".is_empty()
}
