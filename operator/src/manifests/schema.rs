//! A structural check against the schema of a definition, with sentences for people.
//!
//! It knows what the definitions of this project use; a test fails when one of them comes to use
//! more. Unlike the API server it refuses unknown fields, as `kubectl` does.

use std::collections::BTreeMap;

use proffer_crds::quantity::{PATTERN as QUANTITY, check_bounds};
use serde_json::{Map, Number, Value};

use super::error::Errors;
use super::kinds::{Kinds, LABEL, LABEL_VALUE, SUBDOMAIN, VARIABLE};
use super::quote::{count, nearest, quote};
use super::source::Source;
use super::yaml::{Content, Key, Node};

/// A check of one object.
pub(super) struct Check<'a> {
    pub(super) kinds: &'a Kinds,
    pub(super) source: &'a Source,
    pub(super) errors: &'a mut Errors,
}

impl Check<'_> {
    /// Checks a value. What passes comes back without positions.
    pub(super) fn value(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        if flag(schema, "x-kubernetes-int-or-string") {
            return self.int_or_string(schema, node, path);
        }
        match schema["type"].as_str() {
            Some("string") => self.string(schema, node, path),
            Some("integer") => self.integer(schema, node, path),
            Some("boolean") => match node.content {
                Content::Boolean(value) => Some(Value::Bool(value)),
                _ => self.unexpected("true or false", node, path),
            },
            Some("array") => self.list(schema, node, path),
            Some("object") => self.object(schema, node, path),
            _ => Some(node.to_json()),
        }
    }

    fn report<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        self.errors.push(self.source.error(path, message));
        None
    }

    fn unexpected<T>(&mut self, expected: &str, node: &Node, path: &str) -> Option<T> {
        self.report(path, format!("expected {expected}, found {}", describe(&node.content)))
    }

    fn int_or_string(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        match &node.content {
            Content::Number(number) if number.is_f64() => {
                let message = match check_bounds(&number.to_string()) {
                    Ok(()) => format!("a number with a point goes in quotes: \"{number}\""),
                    Err(problem) => format!("{number} is {problem}"),
                };
                self.report(path, message)
            }
            Content::Number(number) if number.is_i64() => Some(Value::Number(number.clone())),
            Content::Number(number) => self.report(path, format!("{number} is too large")),
            Content::Text(_) => self.string(schema, node, path),
            _ => self.unexpected("a number or text", node, path),
        }
    }

    fn string(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        let text = match &node.content {
            Content::Text(text) => text,
            Content::Boolean(_) | Content::Number(_) => {
                let found = describe(&node.content);
                return self
                    .report(path, format!("expected text, found {found}: put it in quotes"));
            }
            _ => return self.unexpected("text", node, path),
        };
        let length = text.chars().count();
        if schema["minLength"].as_u64().is_some_and(|least| least > 0) && text.is_empty() {
            return self.report(path, "is empty");
        }
        if let Some(most) = exceeded(length, &schema["maxLength"]) {
            return self.report(path, format!("has {length} characters; the most is {most}"));
        }
        if let Some(choices) = schema["enum"].as_array() {
            let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
            if !choices.contains(&text.as_str()) {
                let all = choices.join(", ");
                let message = match nearest(text, choices) {
                    Some(meant) => {
                        format!("{} is not one of {all}; did you mean {meant}?", quote(text))
                    }
                    None => format!("{} is not one of {all}", quote(text)),
                };
                return self.report(path, message);
            }
        }
        if let Some(pattern) = schema["pattern"].as_str()
            && !self.kinds.matches(pattern, text)
        {
            return self.report(path, mismatch(pattern, text));
        }
        // Before any rule computes with it.
        if let (Some(QUANTITY), Err(problem)) = (schema["pattern"].as_str(), check_bounds(text)) {
            return self.report(path, format!("{} is {problem}", quote(text)));
        }
        Some(Value::String(text.clone()))
    }

    fn integer(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        let number = match &node.content {
            Content::Number(number) if !number.is_f64() => number,
            Content::Text(text) if text.parse::<i64>().is_ok() => {
                let message =
                    format!("expected a whole number, found text: write {text} without quotes");
                return self.report(path, message);
            }
            _ => return self.unexpected("a whole number", node, path),
        };
        if let Some(least) = schema["minimum"].as_f64().filter(|least| below(number, *least)) {
            return self.report(path, format!("{number} is too small; the least is {least}"));
        }
        if let Some(most) = schema["maximum"].as_f64().filter(|most| above(number, *most)) {
            return self.report(path, format!("{number} is too large; the most is {most}"));
        }
        let fits = match schema["format"].as_str() {
            Some("int32") => number.as_i64().is_some_and(|value| i32::try_from(value).is_ok()),
            _ => number.is_i64(),
        };
        if !fits {
            return self.report(path, format!("{number} is too large"));
        }
        Some(Value::Number(number.clone()))
    }

    fn list(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        let Content::List(items) = &node.content else {
            return self.unexpected("a list", node, path);
        };
        let entries = count(items.len(), "entry", "entries");
        if schema["minItems"].as_u64().is_some_and(|least| least > 0) && items.is_empty() {
            return self.report(path, "is empty; it needs at least 1 entry");
        }
        if let Some(most) = exceeded(items.len(), &schema["maxItems"]) {
            return self.report(path, format!("has {entries}; the most is {most}"));
        }
        let errors_before = self.errors.count();
        self.unique(schema, items, path);
        let values: Vec<Value> = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                self.value(&schema["items"], item, &format!("{path}[{index}]"))
            })
            .collect();
        (self.errors.count() == errors_before).then_some(Value::Array(values))
    }

    /// Refuses entries that are equal where the schema says that they differ.
    fn unique(&mut self, schema: &Value, items: &[Node], path: &str) {
        let key = match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => None,
            Some("map") => schema["x-kubernetes-list-map-keys"][0].as_str(),
            _ => return,
        };
        let mut first = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let identity = match key {
                None => item.to_json().to_string(),
                Some(key) => match item.text(key) {
                    Some(text) => quote(text),
                    None => continue,
                },
            };
            if let Some(earlier) = first.get(&identity) {
                let suffix = key.map_or_else(String::new, |key| format!(".{key}"));
                let message = format!("{identity} is there already, at {path}[{earlier}]");
                self.report::<()>(&format!("{path}[{index}]{suffix}"), message);
            } else {
                first.insert(identity, index);
            }
        }
    }

    fn object(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        let Content::Map(fields) = &node.content else {
            return self.unexpected("fields", node, path);
        };
        if let Some(most) = exceeded(fields.len(), &schema["maxProperties"]) {
            let entries = count(fields.len(), "entry", "entries");
            return self.report(path, format!("has {entries}; the most is {most}"));
        }
        let nothing = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&nothing);
        let errors_before = self.errors.count();
        let mut object = Map::new();
        for (key, value) in fields {
            let path = join(path, &key.name);
            let additional = &schema["additionalProperties"];
            let property = match properties.get(&key.name) {
                Some(property) => property,
                None if additional.is_object() => additional,
                None if flag(schema, "x-kubernetes-preserve-unknown-fields") => additional,
                None => {
                    self.report::<()>(&path, unknown(key, properties));
                    continue;
                }
            };
            // For the API server, too, a field without a value is one that was left out.
            if value.is_null() {
                continue;
            }
            if let Some(value) = self.value(property, value, &path) {
                object.insert(key.name.clone(), value);
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if node.get(name).is_none_or(Node::is_null) {
                self.report::<()>(&join(path, name), "this field is required");
            }
        }
        (self.errors.count() == errors_before).then_some(Value::Object(object))
    }
}

fn flag(schema: &Value, name: &str) -> bool {
    schema[name].as_bool() == Some(true)
}

fn exceeded(length: usize, most: &Value) -> Option<u64> {
    most.as_u64().filter(|most| u64::try_from(length).unwrap_or(u64::MAX) > *most)
}

fn below(number: &Number, least: f64) -> bool {
    number.as_f64().is_some_and(|number| number < least)
}

fn above(number: &Number, most: f64) -> bool {
    number.as_f64().is_some_and(|number| number > most)
}

/// The path of a field; names that would not read well after a dot stand in brackets.
pub(crate) fn join(path: &str, name: &str) -> String {
    let is_plain = !name.is_empty()
        && name.chars().all(|character| character.is_alphanumeric() || "-_".contains(character));
    match (path.is_empty(), is_plain) {
        (_, false) => format!("{path}[{name}]"),
        (true, true) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
    }
}

fn unknown(key: &Key, properties: &Map<String, Value>) -> String {
    if properties.is_empty() {
        return "there are no fields here".to_owned();
    }
    // Those that only the API server sets are allowed, and not advertised.
    let all = properties
        .iter()
        .filter(|(_, schema)| !flag(schema, "x-kubernetes-preserve-unknown-fields"))
        .map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    match nearest(&key.name, properties.keys().map(String::as_str)) {
        Some(meant) => {
            format!("there is no such field; did you mean {meant}? The fields are: {all}")
        }
        None => format!("there is no such field; the fields are: {all}"),
    }
}

/// What a value is, in words.
pub(crate) fn describe(content: &Content) -> String {
    match content {
        Content::Null => "nothing".to_owned(),
        Content::Boolean(value) => format!("the boolean {value}"),
        Content::Number(number) => format!("the number {number}"),
        Content::Text(text) => format!("the text {}", quote(text)),
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "fields".to_owned(),
    }
}

/// Why a text does not match a pattern, in words.
fn mismatch(pattern: &str, text: &str) -> String {
    let text = quote(text);
    match pattern_in_words(pattern) {
        Some(words) => format!("{text} is not {words}"),
        None => format!("{text} does not match {pattern}"),
    }
}

fn pattern_in_words(pattern: &str) -> Option<&'static str> {
    Some(match pattern {
        r"^[-._a-zA-Z0-9]+\.(py|R|jar)$" => "the name of a file that ends in .py, .R or .jar",
        QUANTITY => "a quantity such as 2, 500m, 0.5, 512Mi or 4Gi",
        LABEL => "made of lower-case letters, digits and '-', with a letter or digit at both ends",
        SUBDOMAIN => {
            "made of lower-case letters, digits, '-' and '.', with a letter or digit at both ends"
        }
        LABEL_VALUE => {
            "made of letters, digits, '-', '_' and '.', with a letter or digit at both ends"
        }
        VARIABLE => "made of letters, digits, '-', '_' and '.', with no digit at its start",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
