use super::*;

fn open(uri: &str) -> Folder {
    Stores::default().open(uri).unwrap()
}

#[test]
fn uris_name_folders_and_folders_have_uris() {
    for uri in ["file:///mnt/work", "memory:///a/b", "file:///mnt/a%20b", "memory:///"] {
        assert_eq!(open(uri).uri(), uri);
    }
    assert_eq!(open("file:///mnt/work/").uri(), "file:///mnt/work");
    let folder = open("file:///mnt").folder("a b/c#1/./").unwrap();
    assert_eq!(folder.uri(), "file:///mnt/a%20b/c%231");
    assert_eq!(folder.local_path().unwrap(), PathBuf::from("/mnt/a b/c#1"));
    assert_eq!(folder.uri_of("x"), "file:///mnt/a%20b/c%231/x");
    assert_eq!(open(&folder.uri()).local_path(), folder.local_path());
}

#[test]
fn object_stores_are_named_by_bucket_and_path() {
    let s3 = open("s3://bucket/some/path");
    assert_eq!((s3.uri().as_str(), s3.path.as_ref()), ("s3://bucket/some/path", "some/path"));
    assert_eq!(s3.root().uri_of("x/y"), "s3://bucket/x/y");
    assert_eq!(open("s3://bucket").uri_of("x"), "s3://bucket/x");
    let https = open("https://s3.eu-west-1.amazonaws.com/bucket/path");
    assert_eq!(https.path.as_ref(), "path");
    assert_eq!(https.uri_of("x"), "https://s3.eu-west-1.amazonaws.com/bucket/path/x");
    assert_eq!(open("http://host:80/a").uri(), "http://host/a");
}

#[tokio::test]
async fn folders_of_one_store_share_it() {
    let stores = Stores::default();
    stores.open("memory:///a").unwrap().put("b/c", Bytes::from("d")).await.unwrap();
    assert_eq!(stores.open("memory:///a/b").unwrap().read("c").await.unwrap(), "d");
}

#[test]
fn paths_are_taken_below_the_work_uri() {
    let stores = Stores::default();
    let work = open("memory:///work");
    let resolve = |uri| stores.resolve(Some(&work), uri).map(|folder| folder.uri());
    assert_eq!(resolve("out/x").unwrap(), "memory:///work/out/x");
    assert_eq!(resolve("").unwrap(), "memory:///work");
    assert_eq!(resolve("file:///x").unwrap(), "file:///x");
    let error = resolve("../x").unwrap_err().to_string();
    assert!(error.contains("a path may not hold \"..\""), "{error}");
    let error = resolve("/x").unwrap_err().to_string();
    assert!(error.contains("for a folder of this machine write file:///x"), "{error}");
    let error = stores.resolve(None, "x").unwrap_err().to_string();
    assert!(error.contains("set spec.workURI"), "{error}");
}

#[test]
fn what_is_no_uri_of_a_store_is_explained() {
    let error = |uri| Stores::default().open(uri).unwrap_err().to_string();
    for uri in ["ftp://host/x", "nothing", "file://work"] {
        assert!(error(uri).contains("write file:///mnt/work, s3://bucket/path"), "{}", error(uri));
    }
    assert!(error("file://work/x").contains("three slashes"));
}

#[test]
fn a_work_folder_is_made_or_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let uri = |below: &str| format!("file://{}/{below}", folder.path().display());
    Stores::default().open_work(&uri("a/b")).unwrap();
    assert!(folder.path().join("a/b").is_dir());
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = Stores::default().open_work(&uri("file/c")).unwrap_err().to_string();
    assert!(error.contains("cannot be made: Not a directory"), "{error}");
}

#[tokio::test]
async fn objects_are_created_once() {
    let folder = tempfile::tempdir().unwrap();
    for uri in [format!("file://{}", folder.path().display()), "memory:///x".to_owned()] {
        let folder = open(&uri);
        folder.create("a", Bytes::from("1")).await.unwrap();
        let again = folder.create("a", Bytes::from("2")).await.unwrap_err();
        assert!(matches!(again, StoreError::AlreadyExists(_)));
        assert_eq!(folder.read("a").await.unwrap(), "1");
        folder.delete("a").await.unwrap();
        folder.delete("a").await.unwrap();
        assert!(folder.head("a").await.unwrap().is_none());
        assert!(matches!(folder.read("a").await.unwrap_err(), StoreError::NotFound(_)));
        assert!(matches!(folder.copy("a", "b", 1).await.unwrap_err(), StoreError::NotFound(_)));
    }
}

#[tokio::test]
async fn large_objects_are_copied_piece_by_piece() {
    let folder = open("memory:///x").with_copy_limit(3);
    folder.put("a", Bytes::from("1234")).await.unwrap();
    folder.copy("a", "b", 4).await.unwrap();
    assert_eq!(folder.read("b").await.unwrap(), "1234");
    assert!(matches!(folder.copy("c", "d", 4).await.unwrap_err(), StoreError::NotFound(_)));
}

#[tokio::test]
async fn errors_of_disks_are_told_in_their_own_words() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let folder = open(&format!("file://{}", folder.path().display()));
    let error = folder.put("file/x", Bytes::new()).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot write file:///"), "{error}");
    assert!(error.ends_with("/file/x: Not a directory (os error 20)"), "{error}");
}
