use super::*;

/// What is behind a writer after some bytes were written to it, one piece after the other.
fn written(is_terminal: bool, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Shown { out: Vec::new(), is_terminal };
    for piece in pieces {
        out.write_all(piece).unwrap();
    }
    out.out
}

const TITLE: &str = "\x1b]0;OWNED\x07\x1b[2Jresult\r\x08\x08";

#[test]
fn a_terminal_is_shown_control_characters_as_text() {
    let expected = "\\u{1b}]0;OWNED\\u{7}\\u{1b}[2Jresult\\r\\u{8}\\u{8}";
    assert_eq!(written(true, &[TITLE.as_bytes()]), expected.as_bytes());
    for (text, expected) in [
        ("lines\nand\ttabs\n", "lines\nand\ttabs\n"),
        ("of Windows\r\n", "of Windows\n"),
        ("over\rwritten", "over\\rwritten"),
        ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
        ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
        ("é नमस्ते 日本 \\x1b 🙂", "é नमस्ते 日本 \\x1b 🙂"),
    ] {
        assert_eq!(shown(text), expected, "{text:?}");
    }
    // A control character that is no UTF-8 is none any more.
    assert_eq!(written(true, &[b"\x9b2J"]), "\u{fffd}2J".as_bytes());
}

#[test]
fn a_pipe_gets_what_was_printed() {
    let pieces: [&[u8]; 2] = [TITLE.as_bytes(), b"\xff\r\n"];
    assert_eq!(written(false, &pieces), pieces.concat());
}

struct Fails(ErrorKind);

impl Write for Fails {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_told_apart_from_a_full_disk() {
    let closed = write(Shown { out: Fails(ErrorKind::BrokenPipe), is_terminal: false }, "text");
    assert!(matches!(closed, Err(Unprinted::Closed)), "{closed:?}");
    let full = write(Shown { out: Fails(ErrorKind::StorageFull), is_terminal: true }, "text");
    let expected = "cannot write to standard output: no storage space";
    assert_eq!(full.unwrap_err().to_string(), expected);
}
