//! The token by which a master on this machine knows the programs of the user who started it.
//!
//! It stands in a file that only that user can read, named after the master's port. Whoever shows it as
//! `Authorization: Bearer TOKEN` is that user, however the connection comes about.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Rights of others and of the group, of which the file and its folder give none.
const OTHERS: u32 = 0o077;

/// How much of a file is read that should hold a token, in bytes.
const MOST_BYTES: u64 = 256;

/// The file of a token, which goes when this does.
#[derive(Debug)]
pub struct TokenFile(PathBuf);

impl TokenFile {
    /// Writes the token of the master at a port, in the first folder that only this user can enter.
    pub fn write(port: u16, token: &str) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for folder in folders() {
            match write(&folder, port, token) {
                Ok(path) => return Ok(Self(path)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // One that cannot be removed is of a master that is gone.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The token of the master at a port of this machine, if this user has started it.
pub fn read(port: u16) -> Option<String> {
    folders().iter().find_map(|folder| read_in(folder, port))
}

/// Where a token may be: in the user's folder for such things, or in one that is made.
fn folders() -> Vec<PathBuf> {
    let of_user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let of_user =
        of_user.filter(|folder| folder.is_absolute()).map(|folder| folder.join("proffer"));
    let made = std::env::temp_dir().join(format!("proffer-{}", user()));
    of_user.into_iter().chain([made]).collect()
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("mesos-{port}.token"))
}

/// Whether only this user gets at something.
fn is_private(metadata: &std::fs::Metadata) -> bool {
    metadata.uid() == user() && metadata.mode() & OTHERS == 0
}

fn write(folder: &Path, port: u16, token: &str) -> io::Result<PathBuf> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Somebody else may have made it first, or have put a link there.
    let metadata = std::fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || !is_private(&metadata) {
        let message = format!("others than this user can enter {}", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let path = file(folder, port);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    open.set_permissions(Permissions::from_mode(0o600))?;
    open.write_all(token.as_bytes())?;
    Ok(path)
}

fn read_in(folder: &Path, port: u16) -> Option<String> {
    let metadata = std::fs::symlink_metadata(folder).ok()?;
    if !metadata.is_dir() || !is_private(&metadata) {
        return None;
    }
    let file = File::open(file(folder, port)).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || !is_private(&metadata) {
        return None;
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    let token = text.trim();
    let is_sound = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_sound.then(|| token.to_owned())
}

#[cfg(test)]
mod tests;
