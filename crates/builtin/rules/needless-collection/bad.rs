pub fn long_lines(text: &str) -> usize {
    text.lines().filter(|line| line.len() > 9).collect::<Vec<_>>().len() // expect: needless-collection
}
