//! Reading a located document, field by field.
//!
//! Whatever is wrong is noted with its file, line and field, and the reading goes on, so that one
//! look finds everything. A method that returns nothing has noted why.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Number;

use crate::manifests::{Content, Errors, Node, Source, describe, join, nearest, quote};

/// How many levels pools may have. What decides follows them from one to the next.
const MOST_LEVELS: usize = 16;

/// A document that is being read.
pub(super) struct Document<'a> {
    source: &'a Source,
    errors: RefCell<Errors>,
}

/// A value of the document, and where it is.
#[derive(Clone)]
pub(super) struct Field<'a> {
    document: &'a Document<'a>,
    path: String,
    node: &'a Node,
}

/// A value that has fields of its own, all of which are known.
pub(super) struct Record<'a>(Field<'a>);

impl<'a> Document<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, errors: RefCell::default() }
    }

    pub(super) fn root(&'a self) -> Field<'a> {
        Field { document: self, path: String::new(), node: self.source.root() }
    }

    /// All that is wrong.
    pub(super) fn into_errors(self) -> Errors {
        self.errors.into_inner()
    }

    fn note(&self, path: &str, message: impl Into<String>) {
        self.errors.borrow_mut().push(self.source.error(path, message));
    }
}

impl<'a> Field<'a> {
    /// The path of the field.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A name, unless it has more levels than pools may have.
    pub(super) fn levelled(&self, who_has: &str, name: String) -> Option<String> {
        if name.split(['/', '.']).count() > MOST_LEVELS {
            return self.wrong(format!("{who_has} {MOST_LEVELS} levels at most"));
        }
        Some(name)
    }

    /// Notes what is wrong with this value.
    pub(super) fn wrong<T>(&self, message: impl Into<String>) -> Option<T> {
        self.document.note(&self.path, message);
        None
    }

    fn unexpected<T>(&self, expected: &str) -> Option<T> {
        self.wrong(format!("expected {expected}, found {}", describe(&self.node.content)))
    }

    /// The value's fields, which all have one of these names.
    pub(super) fn record(
        &self,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Option<Record<'a>> {
        let names: Vec<&str> = names.into_iter().collect();
        let Content::Map(fields) = &self.node.content else {
            return self.unexpected("fields");
        };
        for (key, _) in fields.iter().filter(|(key, _)| !names.contains(&key.name.as_str())) {
            let all = names.join(", ");
            let message = match nearest(&key.name, names.iter().copied()) {
                Some(meant) => {
                    format!("there is no such field; did you mean {meant}? The fields are: {all}")
                }
                None => format!("there is no such field; the fields are: {all}"),
            };
            self.document.note(&join(&self.path, &key.name), message);
        }
        Some(Record(self.clone()))
    }

    /// The value of a field that has to be there, whatever other fields there are.
    pub(super) fn named(&self, name: &str) -> Option<Self> {
        match &self.node.content {
            Content::Map(_) => Record(self.clone()).required(name),
            _ => self.unexpected("fields"),
        }
    }

    /// The value's fields, whatever their names; those without a value count as left out.
    pub(super) fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        let Content::Map(fields) = &self.node.content else {
            return self.unexpected("fields");
        };
        let entries = fields.iter().filter(|(_, value)| !value.is_null());
        Some(
            entries.map(|(key, value)| (key.name.as_str(), self.child(&key.name, value))).collect(),
        )
    }

    /// The entries of a list.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let Content::List(items) = &self.node.content else {
            return self.unexpected("a list");
        };
        let item = |(index, node): (usize, &'a Node)| Self {
            document: self.document,
            path: format!("{}[{index}]", self.path),
            node,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// What each entry of a list is read as. All entries are looked at, even if one is wrong.
    pub(super) fn list<T>(&self, mut read: impl FnMut(&Self) -> Option<T>) -> Option<Vec<T>> {
        let read: Vec<Option<T>> = self.items()?.iter().map(&mut read).collect();
        read.into_iter().collect()
    }

    /// What each named entry is read as.
    pub(super) fn map<T>(&self, mut read: impl FnMut(&str, &Self) -> Option<T>) -> Option<Vec<T>> {
        let entries = self.entries()?;
        let read: Vec<Option<T>> = entries.iter().map(|(name, field)| read(name, field)).collect();
        read.into_iter().collect()
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.content {
            Content::Text(text) if text.trim().is_empty() => self.wrong("is empty"),
            Content::Text(text) => Some(text),
            Content::Number(_) | Content::Boolean(_) => {
                let found = describe(&self.node.content);
                self.wrong(format!("expected text, found {found}: put it in quotes"))
            }
            _ => self.unexpected("text"),
        }
    }

    /// The text, if the value is one.
    pub(super) fn as_text(&self) -> Option<&'a str> {
        match &self.node.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.node.content {
            Content::Boolean(value) => Some(value),
            _ => self.unexpected("true or false"),
        }
    }

    /// A number of things.
    pub(super) fn whole(&self, most: u32) -> Option<u32> {
        let number = match &self.node.content {
            Content::Number(number) if !number.is_f64() => number,
            _ => return self.unexpected("a whole number"),
        };
        match number.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if number <= most => Some(number),
            _ if number.as_i64().is_some_and(i64::is_negative) => {
                self.wrong(format!("{number} is too small; the least is 0"))
            }
            _ => self.wrong(format!("{number} is too large; the most is {most}")),
        }
    }

    /// A whole number that may be negative.
    pub(super) fn integer(&self) -> Option<i32> {
        let number = match &self.node.content {
            Content::Number(number) if !number.is_f64() => number,
            _ => return self.unexpected("a whole number"),
        };
        match number.as_i64().and_then(|number| i32::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.wrong(format!("{number} is too large")),
        }
    }

    /// A number that is not negative.
    pub(super) fn number(&self) -> Option<&'a Number> {
        match &self.node.content {
            Content::Number(number) if number.as_f64().is_some_and(|number| number < 0.0) => {
                self.wrong(format!("{number} is too small; the least is 0"))
            }
            Content::Number(number) => Some(number),
            _ => self.unexpected("a number"),
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        self.not_among("", text, choices.iter().map(|(name, _)| *name))
    }

    /// Notes that a text is not among those that are possible here; `what` says what these are.
    pub(super) fn not_among<'b, T>(
        &self,
        what: &str,
        text: &str,
        possible: impl IntoIterator<Item = &'b str>,
    ) -> Option<T> {
        let names: Vec<&str> = possible.into_iter().collect();
        let (quoted, all) = (quote(text), names.join(", "));
        let advice = match nearest(text, names.iter().copied()) {
            Some(meant) => format!("; did you mean {meant}?"),
            None => String::new(),
        };
        self.wrong(match (what, names.is_empty()) {
            ("", _) => format!("{quoted} is not one of {all}{advice}"),
            (_, true) => format!("there is no {what} {quoted}; there are none at this point"),
            _ => format!("there is no {what} {quoted} at this point, only {all}{advice}"),
        })
    }

    fn child(&self, name: &str, node: &'a Node) -> Self {
        Self { document: self.document, path: join(&self.path, name), node }
    }
}

impl<'a> Record<'a> {
    /// The value of a field, if it has one.
    pub(super) fn get(&self, name: &str) -> Option<Field<'a>> {
        let node = self.0.node.get(name).filter(|node| !node.is_null())?;
        Some(self.0.child(name, node))
    }

    /// The value of a field that has to be there.
    pub(super) fn required(&self, name: &str) -> Option<Field<'a>> {
        let field = self.get(name);
        if field.is_none() {
            self.0.document.note(&join(self.0.path(), name), "this field is required");
        }
        field
    }

    /// What a field is read as, or `default` if it is left out.
    pub(super) fn or<T>(
        &self,
        name: &str,
        default: T,
        read: impl FnOnce(&Field<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.get(name) {
            Some(field) => read(&field),
            None => Some(default),
        }
    }

    /// A name that none of those seen so far has.
    pub(super) fn new_name(&self, what: &str, seen: &mut BTreeSet<String>) -> Option<String> {
        let field = self.required("name")?;
        let name = field.text()?;
        if seen.insert(name.to_owned()) {
            return Some(name.to_owned());
        }
        field.wrong(format!("there is a {what} {} already", quote(name)))
    }

    /// The value as a whole.
    pub(super) fn field(&self) -> &Field<'a> {
        &self.0
    }
}
