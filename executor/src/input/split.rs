//! Which bytes a partition reads: pure arithmetic, and cutting at line ends.
//!
//! Files stand one after another; partition `i` of `n` has the `i`-th of `n` equal shares of their
//! bytes, and of that the lines whose first byte lies in it. A line ends with its line feed and never
//! crosses from one file into the next.

use std::ops::Range;

/// The share of partition `partition` of `partitions` in `total` bytes.
pub(crate) fn share(total: u64, partition: u32, partitions: u32) -> Range<u64> {
    let bound = |index: u32| {
        let bound =
            u128::from(total) * u128::from(index.min(partitions)) / u128::from(partitions.max(1));
        u64::try_from(bound).unwrap_or(total)
    };
    bound(partition)..bound(partition.saturating_add(1))
}

/// A part of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The file's place in the list.
    pub(crate) file: usize,
    /// Bytes of the file.
    pub(crate) bytes: Range<u64>,
}

/// The parts of files that a share covers. `ends` holds, for each file, the sum of its size and those
/// of the files before it.
pub(crate) fn parts(ends: &[u64], share: &Range<u64>) -> Vec<Part> {
    let first = ends.partition_point(|&end| end <= share.start);
    let mut parts = Vec::new();
    for (file, &end) in ends.iter().enumerate().skip(first) {
        let start = if file == 0 { 0 } else { ends[file - 1] };
        if start >= share.end {
            break;
        }
        let bytes = share.start.max(start) - start..share.end.min(end) - start;
        if !bytes.is_empty() {
            parts.push(Part { file, bytes });
        }
    }
    parts
}

/// Cuts the lines that begin in a part out of its file's bytes.
///
/// To be fed from [`Cutter::reads_from`] on, up to the end of the part and then until it says that
/// it is done or the file ends.
#[derive(Debug)]
pub(crate) struct Cutter {
    /// Where the next byte to be fed stands in the file.
    position: u64,
    end: u64,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// In a line that began before the part.
    Skipping,
    /// In a line that is the part's.
    Taking,
    /// Past the part's last line.
    Done,
}

impl Cutter {
    /// For a part of a file; it may not be empty.
    pub(crate) fn new(part: &Range<u64>) -> Self {
        if part.start == 0 {
            Self { position: 0, end: part.end, state: State::Taking }
        } else {
            // The byte before the part tells whether a line begins with it.
            Self { position: part.start - 1, end: part.end, state: State::Skipping }
        }
    }

    /// Where in the file the first byte to be fed stands.
    pub(crate) fn reads_from(&self) -> u64 {
        self.position
    }

    /// Whether nothing further is needed.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next bytes of the file; returns those that are the part's.
    pub(crate) fn feed<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        if self.state == State::Skipping {
            let Some(at) = bytes.iter().position(|&byte| byte == b'\n') else {
                self.advance(bytes.len());
                if self.position >= self.end {
                    // The line that began before the part covers it all.
                    self.state = State::Done;
                }
                return &[];
            };
            self.advance(at + 1);
            bytes = &bytes[at + 1..];
            self.state = if self.position < self.end { State::Taking } else { State::Done };
        }
        if self.state == State::Done {
            return &[];
        }
        // The last line ends with the first line feed at or after the part's last byte.
        let last = usize::try_from(self.end.saturating_sub(1).saturating_sub(self.position))
            .unwrap_or(usize::MAX);
        let after = bytes.get(last..).unwrap_or_default();
        if let Some(at) = after.iter().position(|&byte| byte == b'\n') {
            let taken = &bytes[..=last + at];
            self.advance(taken.len());
            self.state = State::Done;
            return taken;
        }
        self.advance(bytes.len());
        bytes
    }

    fn advance(&mut self, bytes: usize) {
        self.position += bytes as u64;
    }
}

#[cfg(test)]
mod tests;
