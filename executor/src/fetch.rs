//! Fetches the files that a task of a Mesos framework names into its sandbox, and unpacks archives.

use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Once;

use serde::Deserialize;
use tokio::fs;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::processes::Children;

/// Chooses how HTTP is encrypted, once.
static PROVIDER: Once = Once::new();

/// A file, as `CommandInfo.URI` of Mesos has it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Uri {
    /// Where it is.
    pub value: String,
    /// Whether it is to be made executable, and not unpacked.
    pub executable: Option<bool>,
    /// Whether it is unpacked if its name says that it is an archive; it is unless this says no.
    pub extract: Option<bool>,
    /// What it is called in the sandbox.
    pub output_file: Option<String>,
}

/// Fetches all files, one after the other; the error is a sentence.
pub async fn fetch(
    uris: &[Uri],
    sandbox: &Path,
    children: &Children<Arc<str>>,
) -> Result<(), String> {
    for uri in uris {
        let failed = |problem: String| format!("{}: {problem}", uri.value);
        let file = sandbox.join(file_name(uri).map_err(failed)?);
        if let Some(folder) = file.parent() {
            let made = fs::create_dir_all(folder).await;
            made.map_err(|error| failed(format!("cannot make {}: {error}", folder.display())))?;
        }
        get(&uri.value, &file).await.map_err(failed)?;
        if uri.executable.unwrap_or(false) {
            let permissions = std::fs::Permissions::from_mode(0o755);
            let made = fs::set_permissions(&file, permissions).await;
            made.map_err(|error| failed(format!("cannot make it executable: {error}")))?;
        } else if uri.extract.unwrap_or(true) {
            extract(&file, sandbox, children).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// What a file is called in the sandbox, by its output file or the end of its path.
fn file_name(uri: &Uri) -> Result<PathBuf, String> {
    if let Some(output) = uri.output_file.as_deref().filter(|name| !name.is_empty()) {
        let path = Path::new(output);
        if path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(path.to_owned());
        }
        return Err(format!("output_file '{output}' is not a path within the sandbox"));
    }
    let path = uri.value.split(['?', '#']).next().unwrap_or_default();
    let after_host = path
        .split_once("://")
        .map_or(path, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    match after_host.rsplit('/').next().filter(|name| !matches!(*name, "" | "." | "..")) {
        Some(name) => Ok(name.into()),
        None => Err("it names no file".to_owned()),
    }
}

async fn get(uri: &str, file: &Path) -> Result<(), String> {
    let cannot_write = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
    if let Some(path) = local_path(uri) {
        return match fs::copy(path, file).await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("cannot copy {path}: {error}")),
        };
    }
    if !uri.starts_with("http://") && !uri.starts_with("https://") {
        return Err(
            "only http://, https://, file:// and absolute paths are fetched here".to_owned()
        );
    }
    // Fails if another part of the program has chosen one, which is as good.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let failed = |error: reqwest::Error| format!("cannot fetch it: {error:#}");
    let mut response = reqwest::get(uri).await.and_then(reqwest::Response::error_for_status);
    let response = response.as_mut().map_err(|error| format!("cannot fetch it: {error:#}"))?;
    let mut out = fs::File::create(file).await.map_err(cannot_write)?;
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        out.write_all(&piece).await.map_err(cannot_write)?;
    }
    out.flush().await.map_err(cannot_write)
}

/// The path on this machine that a URI is.
fn local_path(uri: &str) -> Option<&str> {
    match uri.strip_prefix("file://") {
        Some(path) => Some(path),
        None => Some(uri).filter(|uri| uri.starts_with('/')),
    }
}

/// Unpacks an archive, if its name says that it is one.
async fn extract(file: &Path, sandbox: &Path, children: &Children<Arc<str>>) -> Result<(), String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    let mut command = if ends(&[".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz"])
    {
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(sandbox).arg("-xf").arg(file);
        tar
    } else if ends(&[".zip"]) {
        let mut unzip = Command::new("unzip");
        unzip.arg("-o").arg("-q").arg("-d").arg(sandbox).arg(file);
        unzip
    } else if ends(&[".gz"]) {
        let mut gunzip = Command::new("gunzip");
        gunzip.arg("-kf").arg(file);
        gunzip
    } else {
        return Ok(());
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let listing = children.starting();
    let child = command.spawn().map_err(|error| format!("cannot unpack it: {error}"))?;
    let id = child.id().unwrap_or_default();
    children.insert(id, "unpack".into());
    drop(listing);
    let output = child.wait_with_output().await;
    children.remove(id);
    let output = output.map_err(|error| format!("cannot unpack it: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let problem = String::from_utf8_lossy(&output.stderr);
    Err(format!("cannot unpack it: {}", problem.lines().next().unwrap_or("no archive")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str, output_file: Option<&str>) -> Result<PathBuf, String> {
        let output_file = output_file.map(str::to_owned);
        file_name(&Uri { value: value.to_owned(), output_file, ..Uri::default() })
    }

    #[test]
    fn files_keep_their_names_within_the_sandbox() {
        assert_eq!(name("http://host:80/a/b.tgz?x=/y", None), Ok("b.tgz".into()));
        assert_eq!(name("/etc/hosts", None), Ok("hosts".into()));
        assert_eq!(name("file:///etc/hosts", Some("a/b")), Ok("a/b".into()));
        for wrong in ["http://host", "http://host/", "/a/..", ""] {
            assert!(name(wrong, None).is_err(), "{wrong}");
        }
        for wrong in ["/a", "../a", "a/../../b"] {
            assert!(name("/etc/hosts", Some(wrong)).is_err(), "{wrong}");
        }
    }
}
