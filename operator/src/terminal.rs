//! Standard output and standard error: everything that this program prints goes through here.
//!
//! Texts of tasks, objects and servers may hold anything. A terminal is shown their control characters
//! as text, so that nobody's output moves its cursor, changes its title or fills its clipboard; a pipe or
//! a file gets them as they are. Whoever closes a pipe has read enough, which is no error; a full disk is.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Stdout, Write, stderr, stdout};

/// Why something was not printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unprinted {
    /// Nobody reads any more.
    #[error("standard output was closed")]
    Closed,
    /// What stands behind standard output does not take it.
    #[error("cannot write to standard output: {0}")]
    Failed(io::Error),
}

impl From<io::Error> for Unprinted {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

/// A writer that shows control characters as text if what is behind it is a terminal.
pub(crate) struct Shown<W> {
    out: W,
    is_terminal: bool,
}

impl Shown<Stdout> {
    /// Standard output.
    pub(crate) fn output() -> Self {
        Self { out: stdout(), is_terminal: stdout().is_terminal() }
    }
}

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_terminal {
            self.out.write_all(shown(&String::from_utf8_lossy(bytes)).as_bytes())?;
        } else {
            self.out.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Prints a text on standard output, all of it. It is as well if nobody reads it: what the program does,
/// and its exit code, are the same.
pub(crate) fn print(text: impl Display) -> Result<(), Unprinted> {
    match write(Shown::output(), text) {
        Err(Unprinted::Closed) => Ok(()),
        end => end,
    }
}

/// Prints a line on standard output.
pub(crate) fn line(text: impl Display) -> Result<(), Unprinted> {
    print(format_args!("{text}\n"))
}

/// Tells something in a line on standard error. What cannot be told there can be told nowhere.
pub(crate) fn tell(text: impl Display) {
    let out = Shown { out: stderr(), is_terminal: stderr().is_terminal() };
    let _ = write(out, format_args!("{text}\n"));
}

fn write(mut out: impl Write, text: impl Display) -> Result<(), Unprinted> {
    // In one piece, so that others' lines are not in between.
    out.write_all(text.to_string().as_bytes())?;
    Ok(out.flush()?)
}

/// A text as a terminal may show it: in lines, and with tabs.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.replace("\r\n", "\n").chars() {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal would do something on this character, or show others in another order.
fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests;
