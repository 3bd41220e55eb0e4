use proffer_crds::{SparkJob, SparkJobSpec};

use super::*;

#[test]
fn columns_are_as_wide_as_what_is_in_them() {
    let mut table = Table::new(["NAME", "AGE", "MESSAGE"]).indented(2);
    assert!(table.is_empty());
    table.row(["a".to_owned(), String::new(), "waits".to_owned()]);
    table.row(["größer".to_owned(), "5m".to_owned(), String::new()]);
    assert!(!table.is_empty());
    let expected = "  NAME     AGE   MESSAGE\n  a        -     waits\n  größer   5m    -\n";
    assert_eq!(table.to_string(), expected);
}

#[test]
fn ages_are_those_of_kubectl() {
    let from = Timestamp::UNIX_EPOCH;
    for (seconds, expected) in [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (330, "5m30s"),
        (3600, "60m"),
        (3 * 3600, "3h"),
        (4 * 3600 + 120, "4h2m"),
        (30 * 3600, "30h"),
        (50 * 3600, "2d2h"),
        (9 * 86_400, "9d"),
        (800 * 86_400, "2y70d"),
    ] {
        let now = Timestamp::from_second(seconds).unwrap();
        assert_eq!(since(from, now), expected);
    }
}

#[test]
fn objects_are_printed_as_they_are() {
    let job = |name| SparkJob::new(name, SparkJobSpec::default());
    let two = [job("a"), job("b")];
    let print = |format, all| objects(format, &all).unwrap();
    assert_eq!(print(None, Objects::List(&two)), None);
    assert_eq!(print(Some(Format::Wide), Objects::List(&two)), None);
    let names = print(Some(Format::Name), Objects::List(&two)).unwrap();
    assert_eq!(names, "sparkjob.proffer.dev/a\nsparkjob.proffer.dev/b\n");
    // A list is a list even of one, as whoever reads it counts on it.
    let json = print(Some(Format::Json), Objects::List(&two[..1])).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["kind"], "List");
    assert_eq!(json["items"][0]["metadata"]["name"], "a");
    let yaml = print(Some(Format::Yaml), Objects::Named(&two[1])).unwrap();
    assert!(yaml.contains("kind: SparkJob"), "{yaml}");
}
