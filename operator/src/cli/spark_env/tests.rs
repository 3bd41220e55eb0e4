use super::*;

#[test]
fn the_library_is_found_beside_the_program_or_in_lib() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("bin/proffer");
    std::fs::create_dir_all(folder.path().join("bin")).unwrap();
    std::fs::create_dir_all(folder.path().join("lib")).unwrap();
    let problem = find_library(&program).unwrap_err().to_string();
    assert!(problem.contains("cargo build -p proffer-libmesos"), "{problem}");
    let in_lib = folder.path().join("lib/libmesos.so");
    std::fs::write(&in_lib, "").unwrap();
    assert_eq!(find_library(&program).unwrap(), in_lib.canonicalize().unwrap());
    let beside = folder.path().join("bin/libmesos.so");
    std::fs::write(&beside, "").unwrap();
    assert_eq!(find_library(&program).unwrap(), beside.canonicalize().unwrap());
}

#[test]
fn a_shell_reads_what_was_meant() {
    let text = exports(Path::new("/it's here/libmesos.so"), Some(Path::new("/conf")));
    let script =
        format!("{text}\nprintf '%s|%s' \"$MESOS_NATIVE_JAVA_LIBRARY\" \"$SPARK_CONF_DIR\"");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "/it's here/libmesos.so|/conf");
    assert!(text.contains("--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"));
}

#[test]
fn executors_in_containers_have_settings_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let conf = write_settings(&folder.path().join("a/b"), "spark:3.5.9", "/opt/spark").unwrap();
    let text = std::fs::read_to_string(conf.join("spark-defaults.conf")).unwrap();
    assert!(text.contains("spark.mesos.executor.docker.image spark:3.5.9\n"), "{text}");
    assert!(text.contains("spark.mesos.executor.home /opt/spark\n"), "{text}");
}
