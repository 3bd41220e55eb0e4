//! Manifest files: `SparkJob` and `ResourcePool` objects as people write them.
//!
//! ```text
//! files ─► yaml (with positions) ─► objects (kind, metadata) ─► schema ─► CEL rules ─► types
//! ```
//!
//! On a cluster the API server does all of this; here the same definitions are applied to files, so
//! that a mistake is named with its file, line and field. Everything that is wrong is found in one
//! go. What needs to see several objects at once, such as a stage that depends on itself, is the
//! business of the caller, who has [`Source::error`] for it.

pub(crate) mod document;
mod error;
mod files;
mod kinds;
mod objects;
mod quote;
mod schema;
mod source;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

use proffer_crds::{ResourcePool, SparkJob};

pub(crate) use error::Errors;
pub use error::{ManifestError, ManifestErrors};
pub(crate) use quote::{count, nearest, quote};
pub(crate) use schema::{describe, join};
pub use source::{Position, Source};

pub(crate) use files::read as read_text;
pub(crate) use yaml::{Content, Dialect, Node};

use kinds::Kinds;

thread_local! {
    /// All kinds, whose rules take longer to compile than files to read.
    static KINDS: Kinds = Kinds::new();
}

/// The objects of all files.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The jobs, in the order of the files.
    pub jobs: Vec<Located<SparkJob>>,
    /// The pools, in the order of the files.
    pub pools: Vec<Located<ResourcePool>>,
}

/// An object and where it was read.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The object, with the defaults of its schema.
    pub object: T,
    /// Where each of its fields is.
    pub source: Source,
}

/// Reads manifest files; `-` is the standard input.
pub fn load(paths: &[PathBuf]) -> Result<Manifests, ManifestErrors> {
    let mut errors = Errors::default();
    let mut texts = Vec::new();
    for path in paths {
        match files::read(path) {
            Ok(file) => texts.push(file),
            Err(error) => errors.push(error),
        }
    }
    collect(&texts, errors)
}

/// Reads manifests from texts, each with the name that errors call it by.
pub fn parse(files: &[(String, String)]) -> Result<Manifests, ManifestErrors> {
    collect(files, Errors::default())
}

fn collect(files: &[(String, String)], mut errors: Errors) -> Result<Manifests, ManifestErrors> {
    let mut manifests = Manifests::default();
    let mut names = BTreeMap::new();
    for (name, text) in files {
        for source in objects_of(name, text, &mut errors) {
            KINDS.with(|kinds| {
                objects::read(kinds, source, &mut names, &mut manifests, &mut errors);
            });
        }
    }
    errors.into_result().map(|()| manifests)
}

/// The documents of a text, whatever is in them, but for those that are empty.
pub(crate) fn documents(
    name: &str,
    text: &str,
    dialect: Dialect,
) -> Result<Vec<Source>, ManifestError> {
    let documents = yaml::documents(text, dialect)
        .map_err(|problem| ManifestError::new(name, problem.position, "", problem.message))?;
    let documents = documents.into_iter().filter(|document| !document.is_null());
    Ok(documents.map(|document| Source::new(name, document)).collect())
}

/// The objects of a file, those of lists one by one.
fn objects_of(name: &str, text: &str, errors: &mut Errors) -> Vec<Source> {
    let errors_before = errors.count();
    let mut sources = Vec::new();
    match documents(name, text, Dialect::Kubernetes) {
        Ok(documents) => documents
            .into_iter()
            .for_each(|document| objects::flatten(document, &mut sources, errors)),
        Err(error) => {
            errors.push(error);
            return sources;
        }
    }
    if sources.is_empty() && errors.count() == errors_before {
        errors.push(ManifestError::new(name, None, "", "there are no objects in this file"));
    }
    sources
}

#[cfg(test)]
mod tests;
