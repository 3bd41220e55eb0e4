//! Objects, texts and numbers of JSON, the way Mesos writes and reads them.
//!
//! Everything is written as one line of ASCII: some clients cut a stream at line ends, or count characters
//! where they should count bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::fields::{Kind, Problem};

/// Writes an object, field by field.
#[doc(hidden)]
pub struct ObjectWriter<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn start(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }

    fn name(&mut self, name: &str) -> &mut String {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(',');
        }
        write_text(name, self.out);
        self.out.push(':');
        self.out
    }

    pub(crate) fn required<K: Kind>(&mut self, name: &str, value: &K::Rust) {
        K::write(value, self.name(name));
    }

    #[allow(clippy::ref_option)] // All labels are called alike.
    pub(crate) fn optional<K: Kind>(&mut self, name: &str, value: &Option<K::Rust>) {
        if let Some(value) = value.as_ref().filter(|value| K::known(value)) {
            K::write(value, self.name(name));
        }
    }

    #[allow(clippy::ref_option)] // All labels are called alike.
    pub(crate) fn present<K: Kind>(&mut self, name: &str, value: &Option<K::Rust>) {
        self.optional::<K>(name, value);
    }

    pub(crate) fn repeated<K: Kind>(&mut self, name: &str, values: &[K::Rust]) {
        if values.is_empty() {
            return;
        }
        let out = self.name(name);
        let mut separator = '[';
        for value in values.iter().filter(|value| K::known(value)) {
            out.push(separator);
            separator = ',';
            K::write(value, out);
        }
        out.push_str(if separator == '[' { "[]" } else { "]" });
    }

    pub(crate) fn map<K: Kind>(&mut self, name: &str, values: &BTreeMap<String, K::Rust>) {
        if values.is_empty() {
            return;
        }
        let mut object = ObjectWriter::start(self.name(name));
        values.iter().for_each(|(key, value)| object.required::<K>(key, value));
        object.end();
    }
}

/// Reads an object, field by field. Null is as good as nothing.
#[doc(hidden)]
pub struct ObjectReader<'a> {
    object: &'a Map<String, Value>,
}

impl<'a> ObjectReader<'a> {
    pub(crate) fn new(object: &'a Map<String, Value>) -> Self {
        Self { object }
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn required<K: Kind>(&self, name: &str) -> Result<K::Rust, Problem> {
        self.optional::<K>(name)?.ok_or_else(|| Problem::Missing(name.to_owned()))
    }

    pub(crate) fn present<K: Kind>(&self, name: &str) -> Result<Option<K::Rust>, Problem> {
        self.required::<K>(name).map(Some)
    }

    pub(crate) fn optional<K: Kind>(&self, name: &str) -> Result<Option<K::Rust>, Problem> {
        let Some(value) = self.value(name) else { return Ok(None) };
        K::read(value).map_err(|problem| problem.within(name))
    }

    pub(crate) fn repeated<K: Kind>(&self, name: &str) -> Result<Vec<K::Rust>, Problem> {
        let values = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(_) => {
                let problem = Problem::invalid("Expecting a JSON array for a repeated field");
                return Err(problem.within(name));
            }
        };
        let read = |value| K::read(value).map_err(|problem| problem.within(name));
        values.iter().filter_map(|value| read(value).transpose()).collect()
    }

    pub(crate) fn map<K: Kind>(&self, name: &str) -> Result<BTreeMap<String, K::Rust>, Problem> {
        let values = match self.value(name) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(values)) => values,
            Some(_) => {
                return Err(Problem::invalid("Expecting a JSON object for a map").within(name));
            }
        };
        let mut read = BTreeMap::new();
        for (key, value) in values {
            if let Some(value) = K::read(value).map_err(|problem| problem.within(name))? {
                read.insert(key.clone(), value);
            }
        }
        Ok(read)
    }
}

/// Writes text in ASCII.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing into a text cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Writes a number so that reading it gives the same one; whole ones as `4.0`.
pub(crate) fn write_double(value: f64, out: &mut String) {
    if value.is_finite() {
        let _ = write!(out, "{value:?}");
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}
