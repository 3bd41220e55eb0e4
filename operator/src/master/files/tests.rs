use std::os::unix::fs::symlink;

use rustix::fs::{FileType, mknodat};

use super::*;

#[test]
fn sandboxes_in_pods_are_named_as_in_folders() {
    let path = super::sandbox("/".as_ref(), "a", "f", "t", "c").display().to_string();
    let job = JobKey { namespace: "n".into(), name: "j".into() };
    let reach = Reach::Framework("f".to_owned(), job.clone());
    let expected =
        Container { job, agent: "a".to_owned(), executor: "t".to_owned(), id: "c".to_owned() };
    assert_eq!(container(&path, false, &reach).as_ref(), Some(&expected));
    assert_eq!(container(&format!("{path}/stdout"), true, &reach).as_ref(), Some(&expected));
    let foreign = path.replace("/f/", "/g/");
    let others = [("/etc/passwd", true), (&*path, true), ("/slaves/a", false), (&foreign, false)];
    for (other, is_file) in others {
        assert_eq!(container(other, is_file, &reach), None, "{other}");
    }
}

#[test]
fn a_path_tells_whose_sandbox_it_is() {
    let (folder, in_folder) = sandboxes();
    let root = folder.path().canonicalize().unwrap().display().to_string();
    for (rest, framework) in [
        ("/slaves/a/frameworks/f/executors/t/runs/c/stdout", Some("f")),
        ("/slaves/a/frameworks/f", Some("f")),
        ("//slaves/./a/frameworks/f/", Some("f")),
        ("/slaves/a/frameworks/f/..", None),
        ("/slaves/a/frameworks/f/../g/executors", None),
        ("/slaves/../slaves/a/frameworks/f", None),
        ("/slaves/a/frameworks", None),
        ("/slaves/a", None),
        ("/frameworks/f", None),
        ("", None),
        ("/../slaves/a/frameworks/f", None),
    ] {
        let path = format!("{root}{rest}");
        assert_eq!(in_folder.framework_of(&path), framework, "{rest}");
        assert_eq!(in_folder.framework_of(rest), None, "{rest} is somewhere else");
    }
}

#[tokio::test]
async fn sandboxes_of_others_are_out_of_reach() {
    let (folder, files) = sandboxes();
    let root = folder.path().canonicalize().unwrap();
    let of = |framework: &str| root.join(format!("slaves/a/frameworks/{framework}/executors/t"));
    for framework in ["own", "foreign"] {
        std::fs::create_dir_all(of(framework)).unwrap();
        std::fs::write(of(framework).join("stdout"), framework).unwrap();
    }
    symlink(of("foreign").join("stdout"), of("own").join("link")).unwrap();
    symlink(of("foreign"), of("own").join("folder")).unwrap();
    symlink("/etc", of("own").join("outside")).unwrap();
    let job = JobKey { namespace: "n".into(), name: "j".into() };
    let reach = Reach::Framework("own".to_owned(), job);
    let status = async |path: &Path| {
        let query = query_of(path);
        let read = files.read(&query, &reach).await.err().map(|(status, _)| status.as_u16());
        let download = files.download(&query, &reach).await.err();
        assert_eq!(read, download.map(|(status, _)| status.as_u16()));
        let browsed = files.browse(&query, &reach).await.err();
        (read, browsed.map(|(status, _)| status.as_u16()))
    };
    assert_eq!(status(&of("own").join("stdout")).await, (None, Some(400)));
    assert_eq!(status(&of("own")).await, (Some(400), None));
    for path in [
        of("foreign"),
        of("foreign").join("stdout"),
        of("own").join("link"),
        of("own").join("folder"),
        of("own").join("../../../foreign/executors/t/stdout"),
        root.join("slaves/a/frameworks"),
        root.join("slaves"),
        root.clone(),
    ] {
        assert_eq!(status(&path).await, (Some(403), Some(403)), "{}", path.display());
    }
    for path in
        [of("own").join("none"), of("own").join("outside"), of("own").join("outside/passwd")]
    {
        assert_eq!(status(&path).await, (Some(404), Some(404)), "{}", path.display());
    }
}

#[test]
fn modes_are_shown_as_by_ls() {
    assert_eq!(mode(0o100_644), "-rw-r--r--");
    assert_eq!(mode(0o040_755), "drwxr-xr-x");
    assert_eq!(mode(0o010_600), "prw-------");
}

/// A folder with a sandbox, and how its files are asked for.
fn sandboxes() -> (tempfile::TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    std::fs::write(path.join("stdout"), "said").unwrap();
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, path.join("fifo"), FileType::Fifo, mode, 0).unwrap();
    symlink("/dev/zero", path.join("zero")).unwrap();
    symlink("stdout", path.join("link")).unwrap();
    (folder, Files::Folder(Folder::new(path)))
}

fn query(folder: &tempfile::TempDir, name: &str) -> BTreeMap<String, String> {
    query_of(&folder.path().canonicalize().unwrap().join(name))
}

fn query_of(path: &Path) -> BTreeMap<String, String> {
    let path = path.display().to_string();
    [("path".to_owned(), path), ("offset".to_owned(), "0".to_owned())].into()
}

#[tokio::test]
async fn only_regular_files_are_read() {
    let (folder, files) = sandboxes();
    for (name, status) in [
        ("fifo", StatusCode::BAD_REQUEST),
        (".", StatusCode::BAD_REQUEST),
        ("zero", StatusCode::NOT_FOUND),
        ("none", StatusCode::NOT_FOUND),
    ] {
        let query = query(&folder, name);
        assert_eq!(files.read(&query, &Reach::All).await.unwrap_err().0, status, "{name}");
        let refused = files.download(&query, &Reach::All).await.err();
        assert_eq!(refused.map(|(status, _)| status), Some(status), "{name}");
    }
    for name in ["stdout", "link"] {
        let read = files.read(&query(&folder, name), &Reach::All).await.unwrap();
        assert_eq!(read, json!({ "offset": 0, "data": "said" }), "{name}");
    }
    let listed = files.browse(&query(&folder, ""), &Reach::All).await.unwrap();
    assert_eq!(listed[0]["mode"].as_str().map(|mode| &mode[..1]), Some("p"));
    let Ok(Download::File(pieces)) = files.download(&query(&folder, "stdout"), &Reach::All).await
    else {
        panic!("it is a file")
    };
    assert_eq!(pieces.next().await.unwrap().as_deref(), Some(&b"said"[..]));
    assert_eq!(pieces.next().await.unwrap(), None);
}

#[tokio::test]
async fn pipes_hold_no_thread_and_files_take_a_bounded_number() {
    let (folder, files) = sandboxes();
    let all = (0..560).map(|_| {
        let (files, query) = (files.clone(), query(&folder, "fifo"));
        async move { files.read(&query, &Reach::All).await.unwrap_err().0 }
    });
    let all = futures::future::join_all(all).await;
    assert!(all.iter().all(|status| *status == StatusCode::BAD_REQUEST));
    let Files::Folder(own) = &files else { return };
    // Whatever a thread looks at, there are no more than these.
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let stuck = (0..THREADS + 5).map(|_| {
        let wait = Arc::clone(&wait);
        let own = own.clone();
        tokio::spawn(async move {
            let look = move |_: &Path| Ok(wait.lock().is_ok_and(|wait| wait.recv().is_ok()));
            own.look(look).await
        })
    });
    let stuck: Vec<_> = stuck.collect();
    while own.threads.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(tokio::task::spawn_blocking(|| true).await.unwrap(), "others have threads");
    drop(release);
    for look in stuck {
        look.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn beyond_the_end_there_is_nothing_yet() {
    let (folder, files) = sandboxes();
    for offset in ["4", "5", "9223372036854775807"] {
        let mut query = query(&folder, "stdout");
        query.insert("offset".to_owned(), offset.to_owned());
        let read = files.read(&query, &Reach::All).await.unwrap();
        let number: u64 = offset.parse().unwrap();
        assert_eq!(read, json!({ "offset": number, "data": "" }));
    }
}

#[test]
fn a_text_is_sent_in_pieces() {
    let text = "ab".repeat(100_000);
    let sent: Vec<Vec<u8>> = pieces(text.clone()).collect();
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|piece| piece.len() <= 64 << 10));
    assert_eq!(sent.concat(), text.as_bytes());
    assert_eq!(pieces(String::new()).count(), 0);
}

#[test]
fn a_folder_with_too_many_files_is_not_listed() {
    let (folder, _files) = sandboxes();
    let root = folder.path().canonicalize().unwrap();
    let full = root.join("slaves/a/frameworks/f/executors/t/many");
    std::fs::create_dir_all(&full).unwrap();
    let list = || list(&root, &full.display().to_string(), &Reach::All);
    (0..MOST_ENTRIES).for_each(|number| drop(File::create(full.join(number.to_string()))));
    assert_eq!(list().unwrap().as_array().unwrap().len(), MOST_ENTRIES);
    File::create(full.join("one more")).unwrap();
    let (status, problem) = list().unwrap_err();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem.contains("more than 10000 files"), "{problem}");
}
