//! Where the fields of an object are.

use std::sync::Arc;

use super::error::ManifestError;
use super::yaml::Node;

/// A place in a file; both numbers start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// The place that an object was read from.
#[derive(Clone, Debug)]
pub struct Source {
    file: Arc<str>,
    root: Arc<Node>,
}

impl Position {
    /// The start of a line.
    pub(super) fn at_line(line: usize) -> Self {
        Self { line: u64::try_from(line).unwrap_or(u64::MAX), column: 1 }
    }
}

impl Source {
    pub(crate) fn new(file: &str, root: Node) -> Self {
        Self { file: file.into(), root: Arc::new(root) }
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The position of a field such as `spec.stages[1].dependsOn[0]`, or of the nearest field
    /// around it that the file has.
    pub fn position(&self, field: &str) -> Option<Position> {
        let mut node = self.root.as_ref();
        let mut position = node.position;
        let mut rest = field;
        while let Some((step, child, after)) = node.child(rest) {
            (node, rest) = (child, after);
            position = step.or(position);
        }
        position
    }

    /// An error in a field of this object.
    pub fn error(&self, field: &str, message: impl Into<String>) -> ManifestError {
        ManifestError::new(self.file.as_ref(), self.position(field), field, message)
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }

    /// The same file, with one object of it.
    pub(super) fn part(&self, root: Node) -> Self {
        Self { file: self.file.clone(), root: Arc::new(root) }
    }
}
