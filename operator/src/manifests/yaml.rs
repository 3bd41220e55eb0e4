//! YAML values that remember where they stood. JSON is read the same way: it is a subset.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_yaml::{DefaultMessageFormatter, MessageFormatter, Options, Spanned};

use super::quote::quote;
use super::source::Position;

/// A value and where it starts.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) position: Option<Position>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The name of a field and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) position: Option<Position>,
}

/// Why a text is not YAML.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) position: Option<Position>,
    pub(crate) message: String,
}

/// Which words are not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// YAML 1.1, as Kubernetes reads it: `yes`, `no`, `on`, `off`, `y` and `n` are booleans.
    Kubernetes,
    /// YAML 1.2: only `true` and `false` are.
    Modern,
}

/// Reads all documents of a text. The limits on nesting and size are the library's; aliases may not
/// repeat more than a manifest could sensibly need.
pub(crate) fn documents(text: &str, dialect: Dialect) -> Result<Vec<Node>, Problem> {
    let mut options = Options::default();
    options.with_snippet = false;
    options.strict_booleans = dialect == Dialect::Modern;
    options.alias_limits.max_total_replayed_events = 100_000;
    serde_yaml::from_multiple_with_options(text, options).map_err(|error| Problem {
        position: error.location().and_then(position),
        message: sentence(&error),
    })
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(fields) => {
                fields.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The text of a field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match &self.get(name)?.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// One step along a path: where it leads, what is there, and the rest of the path.
    pub(crate) fn child<'a>(&self, path: &'a str) -> Option<(Option<Position>, &Node, &'a str)> {
        match &self.content {
            Content::Map(fields) => {
                // A name may have dots in it; the longest one that fits is meant.
                let (key, value, rest) = fields
                    .iter()
                    .filter_map(|(key, value)| Some((key, value, after(path, &key.name)?)))
                    .min_by_key(|(_, _, rest)| rest.len())?;
                let is_scalar = !matches!(value.content, Content::List(_) | Content::Map(_));
                let position = if is_scalar { value.position } else { key.position };
                Some((position.or(key.position), value, rest))
            }
            Content::List(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                let item = items.get(index.parse::<usize>().ok()?)?;
                Some((item.position, item, rest))
            }
            _ => None,
        }
    }

    /// The value without positions.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Boolean(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Node::to_json).collect(),
            Content::Map(fields) => {
                let fields = fields.iter().map(|(key, value)| (key.name.clone(), value.to_json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

/// What follows a field's name in a path, if the path starts with it.
fn after<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    if let Some(rest) = path.strip_prefix('[') {
        return rest.strip_prefix(name)?.strip_prefix(']');
    }
    let rest = path.strip_prefix('.').unwrap_or(path).strip_prefix(name)?;
    (!name.is_empty() && (rest.is_empty() || rest.starts_with(['.', '[']))).then_some(rest)
}

fn position(location: serde_yaml::Location) -> Option<Position> {
    let position = Position { line: location.line(), column: location.column() };
    (position.line > 0).then_some(position)
}

fn sentence(error: &serde_yaml::Error) -> String {
    use serde_yaml::Error;

    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => sentence(error),
        Error::ExternalMessage { msg, .. } => format!("not valid YAML: {msg}"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("{} is there twice", quote(key))
        }
        Error::DuplicateMappingKey { .. } => "a key is there twice".to_owned(),
        Error::UnknownAnchor { .. } => "this alias has no anchor before it".to_owned(),
        Error::NonFiniteFloat { value, .. } => format!("{} is not a finite number", quote(value)),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "this alias contains itself".to_owned()
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "too large, or nested too deeply, for a manifest".to_owned()
        }
        Error::Message { msg, .. } => msg.clone(),
        other => format!("not valid YAML: {}", DefaultMessageFormatter.format_message(other)),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { content: spanned.value, position: position(spanned.referenced) })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        // As kubectl does: names that look like numbers or booleans are names all the same.
        let name = match spanned.value {
            Content::Text(text) => text,
            Content::Boolean(value) => value.to_string(),
            Content::Number(number) => number.to_string(),
            Content::Null => "null".to_owned(),
            Content::List(_) | Content::Map(_) => {
                return Err(D::Error::custom("the name of a field has to be text"));
            }
        };
        Ok(Self { name, position: position(spanned.referenced) })
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Content, E> {
        let number = Number::from_f64(value);
        number.map(Content::Number).ok_or_else(|| E::custom("this number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut fields: Vec<(Key, Node)> = Vec::new();
        let mut names = BTreeSet::new();
        while let Some((key, value)) = map.next_entry::<Key, Node>()? {
            // The library has refused equal keys; `1` and "1" are equal only as names.
            if !names.insert(key.name.clone()) {
                return Err(A::Error::custom(format!("{} is there twice", quote(&key.name))));
            }
            fields.push((key, value));
        }
        Ok(Content::Map(fields))
    }
}
