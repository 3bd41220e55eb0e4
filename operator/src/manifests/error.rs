//! What is wrong with manifests, in sentences.

use std::fmt;

use super::source::Position;

/// More errors than this are counted, not shown.
const MOST_SHOWN: usize = 20;

/// More errors than this are counted, not kept.
const MOST_KEPT: usize = 1000;

/// Something that is wrong with a manifest, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// The name of the file.
    pub file: String,
    /// The line and column, when they are known.
    pub position: Option<Position>,
    /// The path of the field, such as `spec.stages[1].dependsOn[0]`. Empty for a whole object.
    pub field: String,
    /// A sentence: what is wrong, and what would be right.
    pub message: String,
}

/// Everything that is wrong with some manifests: at least one error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct ManifestErrors {
    /// The first errors, in the order of the files.
    pub errors: Vec<ManifestError>,
    /// How many more there are.
    pub more: usize,
}

/// Collects errors.
#[derive(Debug, Default)]
pub(crate) struct Errors(ManifestErrors);

impl ManifestError {
    /// An error at a place in a file.
    pub fn new(
        file: impl Into<String>,
        position: Option<Position>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), position, field: field.into(), message: message.into() }
    }
}

impl Errors {
    pub(crate) fn push(&mut self, error: ManifestError) {
        if self.0.errors.len() < MOST_KEPT {
            self.0.errors.push(error);
        } else {
            self.0.more += 1;
        }
    }

    /// How many errors there are.
    pub(crate) fn count(&self) -> usize {
        self.0.errors.len() + self.0.more
    }

    /// What was found, each file's in the order of its lines.
    pub(crate) fn into_result(self) -> Result<(), ManifestErrors> {
        let ManifestErrors { mut errors, mut more } = self.0;
        if errors.is_empty() {
            return Ok(());
        }
        for of_one_file in errors.chunk_by_mut(|left, right| left.file == right.file) {
            of_one_file.sort_by_key(|error| error.position);
        }
        more += errors.len().saturating_sub(MOST_SHOWN);
        errors.truncate(MOST_SHOWN);
        Err(ManifestErrors { errors, more })
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(position) = self.position {
            write!(formatter, ":{}", position.line)?;
        }
        if !self.field.is_empty() {
            write!(formatter, ": {}", self.field)?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            error.fmt(formatter)?;
        }
        match self.more {
            0 => Ok(()),
            1 => formatter.write_str("\nand 1 more error"),
            more => write!(formatter, "\nand {more} more errors"),
        }
    }
}
