//! What is known of messages beside their protobuf form: names, required fields, and how each kind
//! of field is written in JSON.

mod wire;

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::json::{ObjectReader, ObjectWriter, write_double, write_text};
pub use wire::missing_fields;

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

    fn unexpected(value: &Value) -> Self {
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

/// A message whose fields are known by name and number.
pub trait Described {
    /// Its fields.
    fn fields() -> &'static [Field];
}

/// A message that can be written and read as JSON.
pub trait Message: prost::Message + Described + Default + Sized + 'static {
    #[doc(hidden)]
    fn write(&self, object: &mut ObjectWriter<'_>);
    #[doc(hidden)]
    fn read(object: &ObjectReader<'_>) -> Result<Self, Problem>;
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

/// Text.
#[doc(hidden)]
pub struct Text;

impl Kind for Text {
    type Rust = String;

    fn write(value: &String, out: &mut String) {
        write_text(value, out);
    }

    fn read(value: &Value) -> Result<Option<String>, Problem> {
        value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| Problem::unexpected(value))
    }
}

/// Bytes, which are base64 in JSON.
#[doc(hidden)]
pub struct Bytes;

impl Kind for Bytes {
    type Rust = Vec<u8>;

    fn write(value: &Vec<u8>, out: &mut String) {
        write_text(&STANDARD.encode(value), out);
    }

    fn read(value: &Value) -> Result<Option<Vec<u8>>, Problem> {
        let text = value.as_str().ok_or_else(|| Problem::unexpected(value))?;
        // Clients differ in the alphabet and in whether they pad.
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        let read = engines.iter().find_map(|engine| engine.decode(text).ok());
        read.map(Some).ok_or_else(|| Problem::invalid("Failed to base64 decode bytes field"))
    }
}

impl Kind for bool {
    type Rust = Self;

    fn write(value: &Self, out: &mut String) {
        out.push_str(if *value { "true" } else { "false" });
    }

    fn read(value: &Value) -> Result<Option<Self>, Problem> {
        match value {
            Value::Bool(value) => Ok(Some(*value)),
            Value::String(text) => match text.as_str() {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(Problem::invalid(format!("'{text}' is not a boolean"))),
            },
            _ => Err(Problem::unexpected(value)),
        }
    }
}

impl Kind for f64 {
    type Rust = Self;

    fn write(value: &Self, out: &mut String) {
        write_double(*value, out);
    }

    fn read(value: &Value) -> Result<Option<Self>, Problem> {
        match value {
            Value::Number(number) => Ok(number.as_f64()),
            Value::String(text) => match text.as_str() {
                "Infinity" => Ok(Some(Self::INFINITY)),
                "-Infinity" => Ok(Some(Self::NEG_INFINITY)),
                "NaN" => Ok(Some(Self::NAN)),
                text => text.parse().map(Some).map_err(|_| Problem::invalid(not_a_number(text))),
            },
            _ => Err(Problem::unexpected(value)),
        }
    }
}

fn not_a_number(text: &str) -> String {
    format!("'{text}' is not a number of this field")
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl Kind for $type {
            type Rust = Self;

            fn write(value: &Self, out: &mut String) {
                out.push_str(&value.to_string());
            }

            fn read(value: &Value) -> Result<Option<Self>, Problem> {
                let text = match value {
                    Value::Number(number) => number.to_string(),
                    Value::String(text) => text.clone(),
                    _ => return Err(Problem::unexpected(value)),
                };
                // A whole number may be written as 15.0.
                let whole = text.strip_suffix(".0").unwrap_or(&text);
                whole.parse().map(Some).map_err(|_| Problem::invalid(not_a_number(&text)))
            }
        }
    )* };
}

integers! { i32 u32 i64 u64 }

/// A message in a message.
#[doc(hidden)]
pub(crate) struct Nested<M>(PhantomData<M>);

impl<M: Message> Kind for Nested<M> {
    type Rust = M;
    const NESTED: Option<fn() -> &'static [Field]> = Some(M::fields);

    fn write(value: &M, out: &mut String) {
        let mut object = ObjectWriter::start(out);
        value.write(&mut object);
        object.end();
    }

    fn read(value: &Value) -> Result<Option<M>, Problem> {
        let object = value.as_object().ok_or_else(|| Problem::unexpected(value))?;
        M::read(&ObjectReader::new(object)).map(Some)
    }
}

/// A message in a message of its own kind.
#[doc(hidden)]
pub(crate) struct Boxed<M>(PhantomData<M>);

impl<M: Message> Kind for Boxed<M> {
    type Rust = Box<M>;
    const NESTED: Option<fn() -> &'static [Field]> = Some(M::fields);

    fn write(value: &Box<M>, out: &mut String) {
        Nested::<M>::write(value, out);
    }

    fn read(value: &Value) -> Result<Option<Box<M>>, Problem> {
        Ok(Nested::<M>::read(value)?.map(Box::new))
    }
}

/// Values that have names.
#[doc(hidden)]
pub(crate) trait Named {
    fn number(name: &str) -> Option<i32>;
    fn name(number: i32) -> Option<&'static str>;
}

/// One of several values.
#[doc(hidden)]
pub(crate) struct Enumeration<E>(PhantomData<E>);

impl<E: Named> Kind for Enumeration<E> {
    type Rust = i32;

    fn known(value: &i32) -> bool {
        E::name(*value).is_some()
    }

    fn write(value: &i32, out: &mut String) {
        match E::name(*value) {
            Some(name) => write_text(name, out),
            None => out.push_str(&value.to_string()),
        }
    }

    fn read(value: &Value) -> Result<Option<i32>, Problem> {
        match value {
            Value::String(name) => Ok(E::number(name)),
            Value::Number(number) => {
                let number = number.as_i64().and_then(|number| i32::try_from(number).ok());
                Ok(number.filter(|&number| E::name(number).is_some()))
            }
            _ => Err(Problem::unexpected(value)),
        }
    }
}
