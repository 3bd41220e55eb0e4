//! Reads files and the standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::ManifestError;
use super::source::Position;

/// No file is read further than this.
const MOST_BYTES: u64 = 16 << 20;

/// The name that errors call a file by, and its text.
pub(crate) fn read(path: &Path) -> Result<(String, String), ManifestError> {
    let is_standard_input = path.as_os_str() == "-";
    let name =
        if is_standard_input { "standard input".to_owned() } else { path.display().to_string() };
    let fail =
        |position, message: String| Err(ManifestError::new(name.as_str(), position, "", message));
    let bytes = if is_standard_input { contents(io::stdin().lock()) } else { open(path) };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return fail(None, format!("cannot be read: {}", cause(&error))),
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return fail(None, "is larger than 16 MiB, the most that is read".to_owned());
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => fail(None, "is empty".to_owned()),
        Ok(text) => Ok((name, text)),
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.split(|&byte| byte == b'\n').count();
            fail(Some(Position::at_line(line)), "is not text in UTF-8".to_owned())
        }
    }
}

fn open(path: &Path) -> io::Result<Vec<u8>> {
    if path.is_dir() {
        return Err(io::Error::other("it is a folder; name the files in it"));
    }
    contents(File::open(path)?)
}

fn contents(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
