use regex::Regex;

pub fn dates(text: &str, patterns: &[&str]) -> usize {
    let date = Regex::new(r"^\d{4}").unwrap();
    for pattern in patterns {
        let own = Regex::new(pattern).unwrap();
        let lazy = || Regex::new("a").unwrap();
        drop((own, lazy, "Regex::new()"));
    }
    for found in Regex::new("b").unwrap().find_iter(text) {
        drop(found);
    }
    text.lines().filter(|line| date.is_match(line)).count()
}
