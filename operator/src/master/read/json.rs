//! JSON that is made while it is written, so that a long answer is never there as a whole.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// The items of a list, from the first one.
type Items<'a> = Box<dyn Fn() -> Box<dyn Iterator<Item = Json<'a>> + 'a> + 'a>;

/// A value of JSON. What lists have in them is made one by one.
pub(crate) enum Json<'a> {
    /// One that is there.
    Value(Value),
    /// A list.
    List(Items<'a>),
    /// An object: fields that are there, and others.
    Object(Map<String, Value>, Vec<(String, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// A list of what an iterator gives.
    pub(super) fn list<I>(make: impl Fn() -> I + 'a) -> Self
    where
        I: Iterator + 'a,
        I::Item: Into<Json<'a>>,
    {
        Self::List(Box::new(move || Box::new(make().map(Into::into))))
    }

    /// With one more field. Only objects have fields.
    pub(super) fn with(self, name: impl Into<String>, field: impl Into<Self>) -> Self {
        let (fields, mut more) = match self {
            Self::Object(fields, more) => (fields, more),
            Self::Value(Value::Object(fields)) => (fields, Vec::new()),
            other => return other,
        };
        more.push((name.into(), field.into()));
        Self::Object(fields, more)
    }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::List(make) => serializer.collect_seq(make()),
            Self::Object(fields, more) => {
                let mut map = serializer.serialize_map(Some(fields.len() + more.len()))?;
                fields.iter().try_for_each(|(name, field)| map.serialize_entry(name, field))?;
                more.iter().try_for_each(|(name, field)| map.serialize_entry(name, field))?;
                map.end()
            }
        }
    }
}
