pub fn pick(left: bool, a: u32, b: u32) -> u32 {
    if left { a + b } else { a + b } // expect: identical-branches
}
