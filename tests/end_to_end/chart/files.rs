//! What in the chart follows from elsewhere: its version, the schema of `config`, the README's table.

use proffer_test_harness::{Test, tests};
use serde_json::{Map, Value};

use super::{expect_file, root};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        chart_and_programs_have_one_version,
        the_schema_of_config_is_that_of_the_file,
        the_table_of_values_is_that_of_the_file,
    ]
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn chart_and_programs_have_one_version() {
    let chart: Value = serde_yaml::from_str(&read("charts/proffer/Chart.yaml")).unwrap();
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

fn the_schema_of_config_is_that_of_the_file() {
    let file = "charts/proffer/values.schema.json";
    let mut config = proffer::configuration::schema();
    let fields = config.as_object_mut().unwrap();
    fields.remove("required");
    fields.remove("title");
    let properties = fields["properties"].as_object_mut().unwrap();
    // Each of these is said in one place: by the chart, or by values of its own.
    for elsewhere in ["apiVersion", "kind", "logging", "executor", "defaultPool"] {
        assert!(properties.remove(elsewhere).is_some(), "{elsewhere}");
    }
    let mut schema: Value = serde_json::from_str(&read(file)).unwrap();
    schema["properties"]["config"] = config;
    expect_file(file, &format!("{}\n", serde_json::to_string_pretty(&schema).unwrap()));
}

fn the_table_of_values_is_that_of_the_file() {
    let file = "charts/proffer/README.md";
    let readme = read(file);
    let (start, end) = ("<!-- values: generated -->\n", "<!-- end of values -->\n");
    let (before, rest) = readme.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let text = read("charts/proffer/values.yaml");
    let rows: String = rows(&text).into_iter().map(|row| format!("{row}\n")).collect();
    let table = format!("| value | what | default |\n|---|---|---|\n{rows}");
    expect_file(file, &format!("{before}{start}{table}{end}{after}"));
}

/// A row for each value that has a comment that starts with `--`; every other value has values in it
/// that have one.
fn rows(text: &str) -> Vec<String> {
    let values: Value = serde_yaml::from_str(text).unwrap();
    let mut described = Map::new();
    let mut comment = String::new();
    let mut path: Vec<(usize, &str)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        let indentation = line.len() - trimmed.len();
        if let Some(words) = trimmed.strip_prefix("# ") {
            match words.strip_prefix("-- ") {
                Some(words) => words.clone_into(&mut comment),
                None if !comment.is_empty() => comment = format!("{comment} {words}"),
                None => {}
            }
        } else if let Some((key, _)) = trimmed.split_once(':') {
            path.retain(|(column, _)| *column < indentation);
            path.push((indentation, key));
            if !comment.is_empty() {
                let names: Vec<&str> = path.iter().map(|(_, name)| *name).collect();
                described.insert(names.join("."), std::mem::take(&mut comment).into());
            }
        } else {
            comment.clear();
        }
    }
    let mut rows = Vec::new();
    add_rows(&values, "", &described, &mut rows);
    assert_eq!(rows.len(), described.len(), "a comment describes no value");
    rows
}

fn add_rows(value: &Value, path: &str, described: &Map<String, Value>, rows: &mut Vec<String>) {
    if let Some(words) = described.get(path) {
        let words = words.as_str().unwrap().replace('|', "\\|");
        rows.push(format!("| `{path}` | {words} | `{value}` |"));
        return;
    }
    let fields = value.as_object().unwrap_or_else(|| panic!("{path} has no comment"));
    for (name, value) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        add_rows(value, &path, described, rows);
    }
}
