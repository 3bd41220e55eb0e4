//! `RecordIO`, the framing of streams: the length in decimal digits, a line end, and that many bytes.

use std::mem;

/// The longest record that is taken in unless something else is said, as in Mesos's clients.
pub const MAXIMUM_RECORD_BYTES: usize = 4 << 20;

/// The longest length that makes sense: 64 bits.
const MAXIMUM_DIGITS: usize = 20;

/// Why a stream cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordProblem {
    /// A length is not a number.
    #[error("a record's length is not a number: {0:?}")]
    Length(String),
    /// A record is longer than is allowed.
    #[error("a record of {length} bytes is longer than the {maximum} that are allowed")]
    TooLong {
        /// Its length.
        length: u64,
        /// The longest that is allowed.
        maximum: usize,
    },
}

/// Appends a record.
pub fn encode(record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(record.len().to_string().as_bytes());
    out.push(b'\n');
    out.extend_from_slice(record);
}

/// Takes a stream apart, in whatever pieces it comes.
#[derive(Clone, Debug)]
pub struct Decoder {
    maximum: usize,
    digits: Vec<u8>,
    /// How long the record is that is being read, once that is known.
    length: Option<usize>,
    record: Vec<u8>,
    failed: Option<RecordProblem>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(MAXIMUM_RECORD_BYTES)
    }
}

impl Decoder {
    /// A decoder for records of at most so many bytes.
    pub fn new(maximum: usize) -> Self {
        Self { maximum, digits: Vec::new(), length: None, record: Vec::new(), failed: None }
    }

    /// Takes in a piece of the stream; returns the records that it completes. After an error the
    /// stream cannot be read any further.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, RecordProblem> {
        if let Some(problem) = &self.failed {
            return Err(problem.clone());
        }
        let mut records = Vec::new();
        loop {
            if let Some(length) = self.length {
                let (taken, rest) = bytes.split_at(bytes.len().min(length - self.record.len()));
                self.record.extend_from_slice(taken);
                bytes = rest;
                if self.record.len() < length {
                    return Ok(records);
                }
                records.push(mem::take(&mut self.record));
                self.length = None;
            }
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(records) };
            bytes = rest;
            if let Err(problem) = self.take_length(byte) {
                self.failed = Some(problem.clone());
                return Err(problem);
            }
        }
    }

    /// Whether the stream may end here.
    pub fn is_between_records(&self) -> bool {
        self.length.is_none() && self.digits.is_empty()
    }

    fn take_length(&mut self, byte: u8) -> Result<(), RecordProblem> {
        if byte != b'\n' {
            self.digits.push(byte);
            if !byte.is_ascii_digit() || self.digits.len() > MAXIMUM_DIGITS {
                return Err(self.no_length());
            }
            return Ok(());
        }
        let text = String::from_utf8_lossy(&self.digits);
        let length: u64 = text.parse().map_err(|_| self.no_length())?;
        self.digits.clear();
        match usize::try_from(length) {
            Ok(length) if length <= self.maximum => self.length = Some(length),
            _ => return Err(RecordProblem::TooLong { length, maximum: self.maximum }),
        }
        Ok(())
    }

    fn no_length(&self) -> RecordProblem {
        RecordProblem::Length(String::from_utf8_lossy(&self.digits).into_owned())
    }
}

#[cfg(test)]
mod tests;
