use std::collections::HashSet;

pub fn lines(text: &str) -> usize {
    // text.lines().collect::<Vec<_>>().len()
    let distinct = text.lines().collect::<HashSet<_>>().len();
    let all = text.lines().collect::<Vec<_>>();
    all.len() + distinct + text.lines().count()
}
