//! What can happen to an input.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces at which readers have failed before.
const PIECES: [&str; 44] = [
    "0",
    "-1",
    "1",
    "-0",
    "1e39",
    "1e-40",
    "1e400",
    "-1e9999999999",
    "NaN",
    ".inf",
    "0.0000001",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "4294967296",
    "2147483648",
    "99999999999999999999999999999999999999999999",
    "9Ei",
    "1n",
    "m",
    "Ki",
    "0s",
    "-1s",
    "1ns",
    "99999999999999999999s",
    "null",
    "true",
    "\"\"",
    "{}",
    "[]",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r\n",
    "\0",
    "\u{1b}[2J",
    "\u{202e}",
    "..",
    "%00",
    "\u{fffd}",
];

/// No input is made longer.
const MOST_BYTES: usize = 64 << 10;

#[derive(Clone, Debug)]
enum Damage {
    /// Bytes are gone.
    Without(usize),
    /// Bytes are others.
    Bytes(Vec<u8>),
    /// A bit is another one.
    Flipped(u8),
    /// A piece is there.
    Piece(&'static str),
    /// What stands elsewhere in an input of the corpus is there.
    From(Index, Index, usize),
    /// A number is another one.
    Number(&'static str),
    /// Something is there very often.
    Repeated(&'static str, usize),
}

/// Inputs of a corpus, each damaged a few times.
pub(crate) fn damaged(corpus: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let corpus = corpus.to_vec();
    let places = vec((any::<Index>(), damage()), 0..6);
    (any::<Index>(), places).prop_map(move |(which, places)| {
        let mut input = which.get(&corpus).clone();
        for (at, damage) in places {
            let at = at.index(input.len() + 1);
            damage.apply(&mut input, at, &corpus);
            input.truncate(MOST_BYTES);
        }
        input
    })
}

fn damage() -> impl Strategy<Value = Damage> {
    let piece = || select(&PIECES[..]);
    prop_oneof![
        2 => (1_usize..30).prop_map(Damage::Without),
        1 => vec(any::<u8>(), 1..8).prop_map(Damage::Bytes),
        1 => (0_u8..8).prop_map(Damage::Flipped),
        3 => piece().prop_map(Damage::Piece),
        3 => (any::<Index>(), any::<Index>(), 1_usize..80)
            .prop_map(|(which, at, length)| Damage::From(which, at, length)),
        4 => piece().prop_map(Damage::Number),
        1 => (piece(), 1_usize..3000).prop_map(|(piece, times)| Damage::Repeated(piece, times)),
    ]
}

impl Damage {
    fn apply(self, input: &mut Vec<u8>, at: usize, corpus: &[Vec<u8>]) {
        let mut put = |length: usize, bytes: &[u8]| {
            let end = input.len().min(at + length);
            input.splice(at..end, bytes.iter().copied());
        };
        match self {
            Self::Without(length) => put(length, b""),
            Self::Bytes(bytes) => put(bytes.len(), &bytes),
            Self::Flipped(bit) => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Piece(piece) => put(0, piece.as_bytes()),
            Self::From(which, from, length) => {
                let other = which.get(corpus);
                let from = from.index(other.len() + 1);
                put(0, &other[from..other.len().min(from + length)]);
            }
            Self::Number(piece) => {
                let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
                let Some(start) = input[at..].iter().position(is_digit) else { return };
                let start = at + start;
                let digits = input[start..].iter().take_while(|byte| is_digit(byte)).count();
                input.splice(start..start + digits, piece.bytes());
            }
            Self::Repeated(piece, times) => put(0, piece.repeat(times).as_bytes()),
        }
    }
}
