//! Messages in JSON: how each kind of field is written and read there.

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::fields::{Described, Field, Kind, Named, Problem};
use crate::json::{ObjectReader, ObjectWriter, write_double, write_text};

/// A message that can be written and read as JSON.
pub trait Message: prost::Message + Described + Default + Sized + 'static {
    #[doc(hidden)]
    fn write(&self, object: &mut ObjectWriter<'_>);
    #[doc(hidden)]
    fn read(object: &ObjectReader<'_>) -> Result<Self, Problem>;
}

/// A message as JSON.
pub fn to_json<M: Message>(message: &M) -> String {
    let mut out = String::new();
    Nested::<M>::write(message, &mut out);
    out
}

/// A message from JSON; the error is in the words of Mesos.
pub fn from_json<M: Message>(text: &[u8]) -> Result<M, String> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| format!("Failed to parse body into JSON: {error}"))?;
    from_value(&value).map_err(|problem| format!("Failed to convert JSON into protobuf: {problem}"))
}

/// A message from a JSON value.
pub fn from_value<M: Message>(value: &Value) -> Result<M, Problem> {
    let empty = || Problem::invalid("Expecting a JSON object");
    Nested::<M>::read(value)?.ok_or_else(empty)
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

#[cfg(test)]
mod tests;
