use super::*;

#[tokio::test]
async fn a_file_has_changed_when_it_holds_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "one").unwrap();
    let mut watched = Watched::new([file.clone()]);
    assert!(watched.have_changed().await, "nobody knows");
    assert!(!watched.have_changed().await);
    std::fs::write(&file, "one").unwrap();
    assert!(!watched.have_changed().await, "it is the same");
    std::fs::write(&file, "two").unwrap();
    assert!(watched.have_changed().await);
    std::fs::remove_file(&file).unwrap();
    assert!(watched.have_changed().await);
    assert!(!watched.have_changed().await);
}
