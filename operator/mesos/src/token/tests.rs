use std::os::unix::fs::symlink;

use super::*;

/// A folder of this test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("token-{name}-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn only_its_user_reads_a_token() {
    let parent = Folder::new("private");
    let folder = parent.0.join("proffer");
    let path = write(&folder, 5050, "old").unwrap();
    assert_eq!(write(&folder, 5050, "secret").unwrap(), path);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    assert_eq!(read_in(&folder, 5050).as_deref(), Some("secret"));
    assert_eq!(read_in(&folder, 5051), None);
    drop(TokenFile(path.clone()));
    assert!(!path.exists());
}

#[test]
fn what_others_could_have_written_is_no_token() {
    let parent = Folder::new("shared");
    let folder = parent.0.join("proffer");
    let path = write(&folder, 5050, "secret").unwrap();
    allow(&path, 0o644);
    assert_eq!(read_in(&folder, 5050), None);
    allow(&path, 0o600);
    allow(&folder, 0o755);
    assert_eq!(read_in(&folder, 5050), None);
    assert!(write(&folder, 5050, "secret").is_err());
    allow(&folder, 0o700);
    let link = parent.0.join("link");
    symlink(&folder, &link).unwrap();
    assert!(write(&link, 5050, "secret").is_err() && read_in(&link, 5050).is_none());
    for text in ["", "two words", "a\r\nHost: b", "\u{e4}"] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(read_in(&folder, 5050), None, "{text:?}");
    }
}
