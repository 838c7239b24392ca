pub fn pick(left: bool, right: bool, a: u32) -> u32 {
    if left { a } else { a + 1 };
    if left {
        // The left side counts from one.
        a
    } else {
        // The right one does, too.
        a
    };
    if left { 1 } else if right { a } else { a }
}
