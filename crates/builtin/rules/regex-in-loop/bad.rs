use regex::Regex;

pub fn dates(text: &str) -> usize {
    let mut count = 0;
    for line in text.lines() {
        let date = Regex::new(r"^\d{4}").unwrap(); // expect: regex-in-loop
        count += usize::from(date.is_match(line));
    }
    while regex::bytes::Regex::new("x").is_err() {
        count += Regex::new("y").iter().count(); // expect: regex-in-loop
    }
    count
}
