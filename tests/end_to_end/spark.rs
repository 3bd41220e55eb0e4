//! Stock Apache Spark 3.5.9, as it is on `PyPI`, as a framework of `proffer local --mesos`, by `libmesos.so`.
//!
//! `.ci/run` installs Spark in a virtual environment; `PROFFER_TEST_SPARK` names it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mesos::Master;
use crate::run::{Ended, Folder};

/// Where a Mesos master listens.
const USUAL_PORT: u16 = 5050;

/// The virtual environment; nothing, with a word about it, if there is none.
fn environment() -> Option<PathBuf> {
    let found = std::env::var_os("PROFFER_TEST_SPARK").map(PathBuf::from);
    if found.is_none() {
        eprintln!(
            "skipped: PROFFER_TEST_SPARK does not name a virtual environment with pyspark 3.5.9; Java \
             17 is needed, too"
        );
    }
    found
}

/// The library, which cargo builds beside the tests, as this package depends on it.
fn library() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let library = tests.parent().unwrap().join("libmesos.so");
    assert!(library.is_file(), "{} is not there", library.display());
    library
}

/// `spark-submit`, with what `proffer spark-env` prints.
fn spark_submit(environment: &Path, folder: &Folder, arguments: &[&str]) -> Ended {
    let library = library();
    let exports = folder.run(&["spark-env", "--library", library.to_str().unwrap()]);
    assert_eq!(exports.code, Some(0), "{}", exports.stderr);
    let script = format!("{}exec spark-submit \"$@\"", exports.stdout);
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", &script, "spark-submit"])
        .args(arguments)
        .current_dir(folder.path())
        .env("PATH", format!("{}/bin:{path}", environment.display()))
        .env("VIRTUAL_ENV", environment)
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("PYSPARK_PYTHON", environment.join("bin/python3"))
        .env("PROFFER_REGISTRATION_TIMEOUT_SECONDS", "3")
        .output()
        .unwrap();
    Ended::from(output)
}

fn example(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/spark").join(name);
    file.canonicalize().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_command_to_the_letter() {
    let Some(environment) = environment() else { return };
    let folder = Folder::new();
    std::fs::copy(example("my-spark-job.py"), folder.path().join("my-spark-job.py")).unwrap();
    // Somebody may have a master already; then it is another port, and all else is the same.
    let usual = TcpListener::bind(("127.0.0.1", USUAL_PORT)).is_ok();
    let port = if usual { USUAL_PORT.to_string() } else { "0".to_owned() };
    let listen = format!("127.0.0.1:{port}");
    let mut running = folder.start(&["local", "--nodes", "2x2cpu,4Gi", "--mesos", &listen]);
    let address = running.wait_for_value("Mesos frameworks are served at http://");
    let master = format!("mesos://localhost:{}", address.rsplit_once(':').unwrap().1);
    let command = "--executor-memory 1g --num-executors 2 my-spark-job.py";
    let mut arguments = vec!["--master", &*master];
    arguments.extend(command.split(' '));
    let ended = spark_submit(&environment, &folder, &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "the sum of 6 and 7 is 13\nthe product of 6 and 7 is 42\n");
    let registered = ended.stderr.matches("Registered executor").count();
    assert_eq!(registered, 2, "{}", ended.stderr);
    let launched = ended.stderr.matches("is now TASK_RUNNING").count();
    assert_eq!(launched, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("driver.run() returned with code DRIVER_STOPPED"));
}

#[test]
fn all_four_parts_of_spark() {
    let Some(environment) = environment() else { return };
    let master = Master::start("2x2cpu,4Gi", &["research"]);
    let text = std::fs::read_to_string(example("four-components.yaml")).unwrap();
    let program = text.split_once("app.py: |\n").unwrap().1.split_once("\n---").unwrap().0;
    let program: String =
        program.lines().map(|line| format!("{}\n", line.get(4..).unwrap_or(""))).collect();
    // The lines to stream are in the image there, and in a folder here.
    let lines: String = (0..3000).map(|number| format!("line {number}\n")).collect();
    master.folder.write("data/lines.txt", lines);
    let data = format!("file://{}", master.folder.path().join("data").display());
    let program = program.replace("file:///opt/spark/data/streaming", &data);
    master.folder.write("app.py", program);
    let url = format!("mesos://{}", master.address);
    let memory =
        ["--conf", "spark.sql.shuffle.partitions=2", "--conf", "spark.mesos.role=research"];
    let mut arguments = vec!["--master", &*url, "--executor-memory", "1g", "--num-executors", "2"];
    arguments.extend(memory);
    arguments.push("app.py");
    let ended = spark_submit(&environment, &master.folder, &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in [
        "core [(0, 334), (1, 333), (2, 333)]",
        "sql [(0, 1300), (1, 1225), (2, 1250), (3, 1275)]",
        "streaming 3000 lines",
        "mllib [[0.5, 0.5], [10.5, 10.5]]",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
}

#[test]
fn what_is_wrong_is_said_and_ends_the_driver() {
    let Some(environment) = environment() else { return };
    let master = Master::start("1x2cpu,4Gi", &[]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = nobody.local_addr().unwrap().port();
    drop(nobody);
    std::fs::copy(example("my-spark-job.py"), master.folder.path().join("job.py")).unwrap();
    let url = format!("mesos://{}", master.address);
    let unused = format!("mesos://127.0.0.1:{closed}");
    let cases: [(&[&str], &str); 3] = [
        (&["--master", "mesos://zk://one:2181/mesos"], "masters are not looked up in ZooKeeper"),
        (&["--master", &unused], "no master was found within 3 seconds"),
        (&["--master", &url, "--conf", "spark.mesos.role=nowhere"], "nowhere"),
    ];
    for (arguments, sentence) in cases {
        let ended = spark_submit(&environment, &master.folder, &[arguments, &["job.py"]].concat());
        assert_ne!(ended.code, Some(0), "{arguments:?}");
        assert!(ended.stderr.contains(sentence), "{arguments:?}: {}", ended.stderr);
    }
}
