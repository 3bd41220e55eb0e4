//! What is known of messages beside their protobuf form: the names, numbers and kinds of their fields,
//! and which of these are required.

mod wire;

use serde_json::Value;

pub use wire::{MOST_MESSAGES, Survey, survey};

/// A message whose fields are known by name and number.
pub trait Described {
    /// Its fields.
    fn fields() -> &'static [Field];
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its number.
    pub tag: u32,
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether it is a map, whose values are of the nested message.
    pub map: bool,
    /// The fields of what it holds, if that is a message.
    pub nested: Option<fn() -> &'static [Self]>,
}

impl Field {
    pub(crate) const fn optional<K: Kind>(tag: u32, name: &'static str) -> Self {
        Self { tag, name, required: false, map: false, nested: K::NESTED }
    }

    pub(crate) const fn repeated<K: Kind>(tag: u32, name: &'static str) -> Self {
        Self::optional::<K>(tag, name)
    }

    pub(crate) const fn required<K: Kind>(tag: u32, name: &'static str) -> Self {
        Self { required: true, ..Self::optional::<K>(tag, name) }
    }

    pub(crate) const fn present<K: Kind>(tag: u32, name: &'static str) -> Self {
        Self::required::<K>(tag, name)
    }

    pub(crate) const fn map<K: Kind>(tag: u32, name: &'static str) -> Self {
        Self { map: true, ..Self::optional::<K>(tag, name) }
    }
}

/// The name of a field without the mark of names that are words of the language.
pub(crate) const fn plain_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// A kind of field.
#[doc(hidden)]
pub trait Kind {
    /// What holds it.
    type Rust;
    /// The fields of the message that it is, if it is one.
    const NESTED: Option<fn() -> &'static [Field]> = None;
    /// Whether there is a way to write it.
    fn known(_value: &Self::Rust) -> bool {
        true
    }
    fn write(value: &Self::Rust, out: &mut String);
    /// Nothing if it is something that newer versions may know.
    fn read(value: &Value) -> Result<Option<Self::Rust>, Problem>;
}

/// Values that have names.
#[doc(hidden)]
pub(crate) trait Named {
    fn number(name: &str) -> Option<i32>;
    fn name(number: i32) -> Option<&'static str>;
}

/// Why a text is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Fields are missing.
    #[error("Missing required fields: {0}")]
    Missing(String),
    /// A field holds something else than it should.
    #[error("Not expecting {found} for field '{field}'")]
    Unexpected {
        /// The field with those around it.
        field: String,
        /// What it holds.
        found: &'static str,
    },
    /// A field holds what it cannot.
    #[error("Failed to parse field '{field}': {message}")]
    Invalid {
        /// The field with those around it.
        field: String,
        /// What is wrong.
        message: String,
    },
}

impl Problem {
    /// The problem as seen from the message that holds the field.
    pub(crate) fn within(self, parent: &str) -> Self {
        let path = |field: String| match field.as_str() {
            "" => parent.to_owned(),
            _ => format!("{parent}.{field}"),
        };
        match self {
            Self::Missing(field) => Self::Missing(path(field)),
            Self::Unexpected { field, found } => Self::Unexpected { field: path(field), found },
            Self::Invalid { field, message } => Self::Invalid { field: path(field), message },
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { field: String::new(), message: message.into() }
    }

    pub(crate) fn unexpected(value: &Value) -> Self {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a JSON boolean",
            Value::Number(_) => "a JSON number",
            Value::String(_) => "a JSON string",
            Value::Array(_) => "a JSON array",
            Value::Object(_) => "a JSON object",
        };
        Self::Unexpected { field: String::new(), found }
    }
}
