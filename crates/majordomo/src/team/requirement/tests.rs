//! Requirements are read as they are meant, and mistakes are shown in their place.

use super::*;

#[test]
fn what_is_written_is_what_the_kernel_holds_against_labels() {
    for (text, wanted) in [
        ("gpu", "gpu"),
        ("not gpu", "not (gpu)"),
        (
            "gpu and region in [\"eu\", 'uk',] and context_tokens >= 100_000",
            "gpu and region in [\"eu\", \"uk\"] and context_tokens >= 100000",
        ),
        ("a and b or c and not d", "(a and b) or (c and not (d))"),
        ("a and (b or c)", "a and (b or c)"),
        ("a or b or c", "a or b or c"),
        ("zone not in ['x']", "not (zone in [\"x\"])"),
        ("n == -5 and m != true and o < false", "n == -5 and m != true and o < false"),
        ("  host.name == 'a\\'b\\\\' ", "host.name == \"a'b\\\\\""),
        ("größe > 1", "größe > 1"),
        ("in-house", "in-house"),
        ("kind in []", "kind in []"),
    ] {
        let read = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(read.constraint.to_string(), wanted, "{text}");
    }
}

#[test]
fn what_is_printed_is_read_again_as_the_same() {
    let text = "(a or not b) and c in [1, true, 'x'] and not (d and e <= 3)";
    let first = parse(text).unwrap().constraint;
    assert_eq!(parse(&first.to_string()).unwrap().constraint, first);
}

#[test]
fn mistakes_are_shown_in_their_place() {
    for (text, at, message) in [
        ("", 0..0, "a condition is missing here"),
        ("gpu and", 7..7, "a condition is missing here"),
        ("gpu ssd", 4..7, "`ssd` cannot stand here"),
        ("region = 'eu'", 7..8, "`=` means nothing here"),
        ("region == eu", 10..12, "`eu` stands for nothing here"),
        ("region ==", 9..9, "a value is missing here"),
        ("region == ]", 10..11, "`]` is no value"),
        ("'eu' == region", 0..4, "a text is no label"),
        ("5 < tokens", 0..1, "a number is no label"),
        ("true", 0..4, "`true` is no label"),
        ("a && b", 2..3, "`&` means nothing here"),
        ("é && b", 3..4, "`&` means nothing here"),
        ("{{ gpu }}", 0..1, "`{` means nothing here"),
        ("region in 'eu'", 10..14, "a list is missing here"),
        ("region in ['eu' 'uk']", 16..20, "the list does not end here"),
        ("region in ['eu'", 15..15, "the list does not end here"),
        ("(gpu or ssd", 11..11, "a bracket is not closed before here"),
        ("gpu)", 3..4, "`)` cannot stand here"),
        ("x is defined", 2..4, "`is` is not known here"),
        ("x == 'eu", 5..8, "this text does not end"),
        ("x >= 1.5", 5..8, "this is no whole number"),
        ("x >= 10k", 5..8, "this is no whole number"),
        ("x == 99999999999999999999", 5..25, "this is no whole number"),
        ("x == -", 5..6, "this is no whole number"),
        ("1 < x < 3", 0..1, "a number is no label"),
        ("x < 3 < y", 6..7, "`<` cannot stand here"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.at.clone(), error.message.as_str()), (at, message), "{text}");
        assert!(!error.help.is_empty() && error.to_string().contains('^'), "{error}");
    }
}

#[test]
fn large_and_deep_ones_are_refused() {
    let many = vec!["a"; 100].join(" and ");
    let message = parse(&many).unwrap_err().message;
    assert!(message.contains("more parts"), "{message}");
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(parse(&deep).unwrap_err().message, "this nests too deep");
    assert_eq!(parse(&"not ".repeat(100)).unwrap_err().message, "this nests too deep");
    let long = "a".repeat(1_001);
    assert!(parse(&long).unwrap_err().message.contains("at most 1000"));
    let nested = format!("{}a", "not ".repeat(9));
    assert!(parse(&nested).unwrap_err().message.contains("nests deeper"));
}

#[test]
fn labels_are_told_with_their_first_place() {
    let labels = parse("gpu and (ssd or gpu)").unwrap().labels;
    let labels: Vec<(&str, Range<usize>)> =
        labels.iter().map(|(name, at)| (name.as_str(), at.clone())).collect();
    assert_eq!(labels, [("gpu", 0..3), ("ssd", 9..12)]);
}
