//! Patterns of file names, as in a shell.

use globset::{GlobBuilder, GlobMatcher};

/// What a pattern matches below its literal folder.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// The folder that every match lies in, as it was given.
    folder: String,
    /// Matches the path below that folder.
    whole: GlobMatcher,
    /// The path below that folder, when it is that of one file.
    literal: Option<String>,
    /// Matchers of the parts of the pattern that name hidden files: by their first character.
    hidden: Vec<(char, GlobMatcher)>,
}

/// A pattern that is not one.
#[derive(Debug, thiserror::Error)]
#[error("\"{pattern}\" is not a pattern of file names: {why}")]
pub(crate) struct InvalidPattern {
    pattern: String,
    why: String,
}

impl Pattern {
    /// Reads a pattern, in which `*`, `?` and `[…]` match within a name, `{a,b}` either of both,
    /// and `**` any number of folders.
    pub(crate) fn parse(pattern: &str) -> Result<Self, InvalidPattern> {
        let invalid = |why: String| InvalidPattern { pattern: pattern.to_owned(), why };
        if pattern.starts_with('/') {
            return Err(invalid(format!(
                "paths are taken below the job's work URI; for one of this machine write \
                 file://{pattern}"
            )));
        }
        let path_start = pattern.find("://").map_or(0, |at| {
            pattern[at + 3..].find('/').map_or(pattern.len(), |slash| at + 3 + slash)
        });
        let special = pattern[path_start..]
            .find(['*', '?', '[', '{', '\\'])
            .map_or(pattern.len(), |at| path_start + at);
        // A pattern without special characters names one file, in the folder before it.
        let cut = pattern[path_start..special].rfind('/').map_or(path_start, |at| path_start + at);
        let rest = pattern[cut..].trim_start_matches('/');
        let rest = if path_start == 0 { rest.to_owned() } else { decoded(rest) };
        let rest = rest.strip_prefix("./").unwrap_or(&rest);
        if rest.is_empty() {
            return Err(invalid("it names a folder; to read the files in it, add *".to_owned()));
        }
        let matcher = |text: &str| {
            GlobBuilder::new(text)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map(|glob| glob.compile_matcher())
        };
        let hidden = rest
            .split('/')
            .filter_map(|part| {
                let first = part.chars().next().filter(|&c| is_hiding(c))?;
                Some((first, matcher(part).ok()?))
            })
            .collect();
        let literal = (special == pattern.len()).then(|| rest.to_owned());
        Ok(Self {
            literal,
            folder: pattern[..cut].to_owned(),
            whole: matcher(rest).map_err(|error| invalid(error.kind().to_string()))?,
            hidden,
        })
    }

    /// The folder that every match lies in.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// The path below the folder, when the pattern names one file.
    pub(crate) fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }

    /// Whether a path below the folder matches. Names that begin with `_` or `.`, and all that is
    /// in folders named so, match only where the pattern names them.
    pub(crate) fn matches(&self, below: &str) -> bool {
        self.whole.is_match(below)
            && below.split('/').all(|part| match part.chars().next() {
                Some(first) if is_hiding(first) => {
                    self.hidden.iter().any(|(named, glob)| *named == first && glob.is_match(part))
                }
                _ => true,
            })
    }
}

fn is_hiding(character: char) -> bool {
    matches!(character, '_' | '.')
}

/// The end of a URI's path without its percent signs.
fn decoded(text: &str) -> String {
    object_store::path::Path::from_url_path(text)
        .map_or_else(|_| text.to_owned(), |path| path.to_string())
}

#[cfg(test)]
mod tests;
