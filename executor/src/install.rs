//! Copying this program to where a container without it finds it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The name under which the program is installed.
pub const PROGRAM: &str = "proffer-executor";

/// Copies the running program into a folder, where others may run it. A copy that is there is
/// replaced as a whole. Returns the path of the copy.
pub fn install(folder: &Path) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;

    let source = std::env::current_exe().context("it is not known where this program is")?;
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let target = folder.join(PROGRAM);
    let copy = || -> std::io::Result<()> {
        let aside = tempfile::NamedTempFile::new_in(folder)?;
        fs::copy(&source, aside.path())?;
        fs::set_permissions(aside.path(), fs::Permissions::from_mode(0o755))?;
        aside.persist(&target)?;
        Ok(())
    };
    copy().with_context(|| {
        format!("cannot copy {} to {}: is it writable?", source.display(), target.display())
    })?;
    Ok(target)
}
