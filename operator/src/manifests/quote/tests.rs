use super::*;

#[test]
fn finds_what_was_meant() {
    let fields = ["command", "dependsOn", "input", "name", "output"];
    for (text, meant) in [
        ("dependOn", Some("dependsOn")),
        ("depends_on", Some("dependsOn")),
        ("DEPENDSON", Some("dependsOn")),
        ("comand", Some("command")),
        ("nmae", Some("name")),
        ("ouptut", Some("output")),
        ("xyzzy", None),
        ("", None),
    ] {
        assert_eq!(nearest(text, fields), meant, "{text}");
    }
    assert_eq!(nearest(&"a".repeat(61), ["a"]), None, "long texts are not compared");
}

#[test]
fn counts_the_steps_between_two_words() {
    for (left, right, steps) in [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abc", "acb", 1),
        ("kitten", "sitting", 3),
        ("ä", "a", 1),
    ] {
        assert_eq!(distance(left, right), steps, "{left} {right}");
    }
}

#[test]
fn quotes_are_short_and_on_one_line() {
    assert_eq!(quote("a\n\"b\""), r#""a\n\"b\"""#);
    assert_eq!(quote(&"ä".repeat(60)), format!("\"{}\"", "ä".repeat(60)));
    assert_eq!(quote(&"ä".repeat(61)), format!("\"{}…\"", "ä".repeat(60)));
}

#[test]
fn counts_agree_with_their_nouns() {
    assert_eq!(count(1, "entry", "entries"), "1 entry");
    assert_eq!(count(0, "entry", "entries"), "0 entries");
}
