//! How objects are printed: as tables in the manner of kubectl, or as they are.

use std::fmt::Write as _;

use anyhow::Context;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use proffer_crds::Quantity;
use serde::Serialize;

use crate::local::{OutputFormat, output};

/// How objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A table with more columns
    Wide,
    /// Only kinds and names
    Name,
    /// The objects as JSON
    Json,
    /// The objects as YAML
    Yaml,
}

/// Which objects are printed.
pub(super) enum Objects<'a, K> {
    /// Those that were found, however many.
    List(&'a [K]),
    /// The one that was named.
    Named(&'a K),
}

/// Objects as they are, if that is asked for.
pub(super) fn objects<K>(
    format: Option<Format>,
    objects: &Objects<'_, K>,
) -> anyhow::Result<Option<String>>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let all = match *objects {
        Objects::List(list) => list,
        Objects::Named(object) => std::slice::from_ref(object),
    };
    let format = match format {
        None | Some(Format::Wide) => return Ok(None),
        Some(Format::Name) => return Ok(Some(all.iter().map(name).collect())),
        Some(Format::Json) => OutputFormat::Json,
        Some(Format::Yaml) => OutputFormat::Yaml,
    };
    let value = match *objects {
        Objects::Named(object) => serde_json::to_value(object),
        Objects::List(list) => list
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<Vec<_>, _>>()
            .map(|items| output::list(&items)),
    };
    output::write(format, &value.context("cannot write an object as JSON")?).map(Some)
}

/// `sparkjob.proffer.dev/sum-product` on a line.
fn name<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let (kind, group) = (K::kind(&()).to_lowercase(), K::group(&()));
    format!("{kind}.{group}/{}\n", object.name_any())
}

/// Rows below a header, in columns as wide as what is in them.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    indentation: usize,
}

impl Table {
    pub(super) fn new(header: impl IntoIterator<Item = &'static str>) -> Self {
        let header = header.into_iter().map(str::to_owned).collect();
        Self { rows: vec![header], indentation: 0 }
    }

    /// The same with blanks before every row.
    pub(super) fn indented(mut self, indentation: usize) -> Self {
        self.indentation = indentation;
        self
    }

    /// Adds a row. What is empty is shown as `-`.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let shown = |cell: String| if cell.is_empty() { "-".to_owned() } else { cell };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let mut line = " ".repeat(self.indentation);
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, "{cell:width$}   ")?;
            }
            writeln!(formatter, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// How long ago something was, as kubectl writes it.
pub(super) fn age<K: Resource>(object: &K, now: Timestamp) -> String {
    let created = object.meta().creation_timestamp.as_ref();
    created.map_or_else(String::new, |created| since(created.0, now))
}

/// How long it is from one moment to another: `5m30s`.
pub(super) fn since(from: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(from.as_second()).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: i64, unit: char, small: i64, small_unit: char| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{days}d"),
        _ => two(days / 365, 'y', days % 365, 'd'),
    }
}

/// Amounts of resources: `cpu=4,memory=16Gi`.
pub(super) fn amounts<'a>(amounts: impl IntoIterator<Item = (&'a String, &'a Quantity)>) -> String {
    let amounts = amounts.into_iter();
    amounts.map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
