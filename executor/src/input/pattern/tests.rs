use super::*;

fn matching(pattern: &str, paths: &[&'static str]) -> Vec<&'static str> {
    let pattern = Pattern::parse(pattern).unwrap();
    paths.iter().copied().filter(|path| pattern.matches(path)).collect()
}

#[test]
fn the_folder_is_the_longest_part_without_special_characters() {
    let folder = |pattern| Pattern::parse(pattern).unwrap().folder().to_owned();
    assert_eq!(folder("data/2024/*.csv"), "data/2024");
    assert_eq!(folder("data/20*/a.csv"), "data");
    assert_eq!(folder("data/a.csv"), "data");
    assert_eq!(folder("*.csv"), "");
    assert_eq!(folder("s3://bucket/*.csv"), "s3://bucket");
    assert_eq!(folder("s3://bucket/a/b?/c"), "s3://bucket/a");
    assert_eq!(folder("file:///mnt/in/x.txt"), "file:///mnt/in");
}

#[test]
fn a_pattern_without_special_characters_names_one_file() {
    let literal = |text| Pattern::parse(text).unwrap().literal().map(ToOwned::to_owned);
    assert_eq!(literal("data/a.csv").as_deref(), Some("a.csv"));
    assert_eq!(literal("file:///data/a%20b.csv").as_deref(), Some("a b.csv"));
    assert_eq!(literal("data/a*.csv"), None);
}

#[test]
fn a_star_stays_within_a_folder_and_two_do_not() {
    let paths = ["a.csv", "b.txt", "x/a.csv", "x/y/a.csv"];
    assert_eq!(matching("data/*.csv", &paths), ["a.csv"]);
    assert_eq!(matching("data/**/*.csv", &paths), ["a.csv", "x/a.csv", "x/y/a.csv"]);
    assert_eq!(matching("data/*/*.csv", &paths), ["x/a.csv"]);
    assert_eq!(matching("data/[ab].*", &paths), ["a.csv", "b.txt"]);
    assert_eq!(matching("data/?.{csv,txt}", &paths), ["a.csv", "b.txt"]);
}

#[test]
fn hidden_files_match_only_where_they_are_named() {
    let paths = ["a", "_SUCCESS", ".crc", "_proffer/records/0", "x/_logs/b", "_temporary/c"];
    assert_eq!(matching("out/**", &paths), ["a"]);
    assert_eq!(matching("out/*", &paths), ["a"]);
    assert_eq!(matching("out/_SUCCESS", &paths), ["_SUCCESS"]);
    assert_eq!(matching("out/_*", &paths), ["_SUCCESS"]);
    assert_eq!(matching("out/x/_logs/*", &["b", "_c"]), ["b"]);
    assert_eq!(matching("out/*/_logs/*", &paths), ["x/_logs/b"]);
    assert_eq!(matching("out/_temporary/*", &["c"]), ["c"]);
}

#[test]
fn a_literal_name_may_be_escaped_or_percent_encoded() {
    assert_eq!(matching("data/[*]", &["*", "a"]), ["*"]);
    assert_eq!(matching("file:///data/a%20b*", &["a b.txt", "a%20b"]), ["a b.txt"]);
    assert_eq!(matching("data/a%20b*", &["a b.txt", "a%20b"]), ["a%20b"]);
}

#[test]
fn what_is_no_pattern_is_explained() {
    let error = |pattern| Pattern::parse(pattern).unwrap_err().to_string();
    assert!(error("data/").contains("it names a folder; to read the files in it, add *"));
    assert!(error("s3://bucket").contains("it names a folder"));
    assert!(error("data/[a").contains("\"data/[a\" is not a pattern of file names: unclosed"));
    assert!(error("/data/*").contains("write file:///data/*"));
}
