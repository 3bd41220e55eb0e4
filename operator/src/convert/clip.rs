//! Texts that are as long as somebody else wants them to be.

/// The beginning of a text, in at most so many bytes.
pub(super) fn start_of(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// The end of a text, in at most so many bytes.
pub(super) fn end_of(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let first = text.len() - bytes;
        let start = (first..=text.len()).find(|&start| text.is_char_boundary(start));
        text.drain(..start.unwrap_or(text.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{end_of, start_of};

    #[test]
    fn letters_stay_whole() {
        let text = || "aäöü".to_owned();
        assert_eq!(
            [0, 1, 2, 3, 7, 9].map(|n| start_of(text(), n)),
            ["", "a", "a", "aä", "aäöü", "aäöü"]
        );
        assert_eq!(
            [0, 1, 2, 3, 7, 9].map(|n| end_of(text(), n)),
            ["", "", "ü", "ü", "aäöü", "aäöü"]
        );
    }
}
