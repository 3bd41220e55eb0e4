//! Stock Apache Spark 3.5.9, as it is on `PyPI`, as a framework of `proffer local --mesos`, by `libmesos.so`.
//!
//! `.ci/run` installs Spark in a virtual environment; `PROFFER_TEST_SPARK` names it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use proffer_executor::processes;
use proffer_test_harness::{Fixture, Test, tests};
use rustix::process::Signal;
use serde_json::Value;

use crate::mesos::{Master, http};
use crate::run::{Ended, Folder, send, until};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        the_command_to_the_letter,
        all_four_parts_of_spark,
        what_is_wrong_is_said_and_ends_the_driver,
        two_applications_and_a_job_share_by_drf,
        an_executor_that_is_killed_is_replaced,
        what_is_never_offered_is_said,
        nothing_outlives_a_driver_that_dies,
    ]
}

/// Where a Mesos master listens.
const USUAL_PORT: u16 = 5050;

/// A virtual environment with Spark.
pub(crate) struct PySpark(pub(crate) PathBuf);

impl Fixture for PySpark {
    fn set_up() -> Result<Self, String> {
        let named = std::env::var_os("PROFFER_TEST_SPARK").ok_or(
            "PROFFER_TEST_SPARK does not name a virtual environment with pyspark 3.5.9; Java 17 is needed, too",
        )?;
        Ok(Self(named.into()))
    }
}

/// The library, which cargo builds beside the tests, as this package depends on it.
pub(crate) fn library() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let library = tests.parent().unwrap().join("libmesos.so");
    assert!(library.is_file(), "{} is not there", library.display());
    library
}

/// `spark-submit`, with what `proffer spark-env` prints.
fn spark_submit(environment: &Path, folder: &Folder, arguments: &[&str]) -> Ended {
    Ended::from(submission(environment, folder, arguments).output().unwrap())
}

fn submission(environment: &Path, folder: &Folder, arguments: &[&str]) -> Command {
    let library = library();
    let exports = folder.run(&["spark-env", "--library", library.to_str().unwrap()]);
    assert_eq!(exports.code, Some(0), "{}", exports.stderr);
    let script = format!("{}exec spark-submit \"$@\"", exports.stdout);
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "spark-submit"])
        .args(arguments)
        .current_dir(folder.path())
        .env("PATH", format!("{}/bin:{path}", environment.display()))
        .env("VIRTUAL_ENV", environment)
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("PYSPARK_PYTHON", environment.join("bin/python3"))
        .env("PROFFER_REGISTRATION_TIMEOUT_SECONDS", "3");
    command
}

/// A spark-submit that runs beside the test and is ended with it.
struct Application {
    child: Child,
    name: &'static str,
}

impl Application {
    /// Starts it with what is in `NAME.py`. What it says is in `NAME.out` and `NAME.log`.
    fn start(
        environment: &Path,
        master: &Master,
        name: &'static str,
        program: &str,
        arguments: &[&str],
    ) -> Self {
        let file = format!("{name}.py");
        master.folder.write(&file, program);
        let url = format!("mesos://{}", master.address);
        let all =
            [&["--master", &*url, "--executor-memory", "512m"], arguments, &[&*file]].concat();
        let mut command = submission(environment, &master.folder, &all);
        let create = |kind: &str| {
            std::fs::File::create(master.folder.path().join(format!("{name}.{kind}"))).unwrap()
        };
        let command = command.stdin(Stdio::null()).stdout(create("out")).stderr(create("log"));
        Self { child: command.spawn().unwrap(), name }
    }

    fn said(&self, master: &Master, kind: &str) -> String {
        master.folder.read(&format!("{}.{kind}", self.name))
    }

    /// What it printed when it has ended well.
    #[track_caller]
    fn wait(mut self, master: &Master) -> String {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status} {}", self.said(master, "log"));
        self.said(master, "out")
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn example(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/spark").join(name);
    file.canonicalize().unwrap().to_str().unwrap().to_owned()
}

fn the_command_to_the_letter(PySpark(environment): PySpark) {
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

fn all_four_parts_of_spark(PySpark(environment): PySpark) {
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

fn what_is_wrong_is_said_and_ends_the_driver(PySpark(environment): PySpark) {
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

/// Three pools, a job in one of them, and one that has everything until there is a file `done`.
const THREE_POOLS: &str = r"
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: first}
spec: {guarantee: {cpu: 3}, idleGuarantee: Lend}
---
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: core}
spec: {}
---
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: one}
spec: {}
---
apiVersion: proffer.dev/v1alpha1
kind: ResourcePool
metadata: {name: two}
spec: {}
---
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata: {name: everything}
spec:
  pool: first
  executor: {cores: 3, memory: 64Mi}
  stages:
    - {name: s, command: [sh, -c, 'until [ -e done ]; do sleep 0.02; done']}
---
apiVersion: proffer.dev/v1alpha1
kind: SparkJob
metadata: {name: native}
spec:
  pool: core
  executor: {minInstances: 0, maxInstances: 3, memory: 896Mi}
  stages:
    - {name: s, partitions: 1000, command: [sleep, '0.2']}
";

/// The cpus that each role holds.
fn cpus(master: &Master) -> [String; 4] {
    let roles = http::get(&master.address, "/roles").json();
    let roles = roles["roles"].as_array().unwrap();
    ["first", "core", "one", "two"].map(|name| {
        let role = roles.iter().find(|role| role["name"] == name);
        role.map(|role| role["resources"]["cpus"].to_string()).unwrap_or_default()
    })
}

fn two_applications_and_a_job_share_by_drf(PySpark(environment): PySpark) {
    let folder = Folder::new();
    folder.write("jobs.yaml", THREE_POOLS);
    let master = Master::start_with(folder, "1x3cpu,8Gi", &[], &["jobs.yaml"]);
    until("one job has everything", || cpus(&master) == ["3.0", "0.0", "0.0", "0.0"]);
    // Each has work for more executors than its share.
    let program = "from time import sleep\n\
                   from pyspark import SparkContext\n\
                   context = SparkContext()\n\
                   tasks = context.parallelize(range(60), 60)\n\
                   print('sum', tasks.map(lambda n: (sleep(0.2), n)[1]).sum())\n\
                   context.stop()\n";
    let applications =
        [("one", "spark.mesos.role=one"), ("two", "spark.mesos.role=two")].map(|(name, role)| {
            let arguments = ["--num-executors", "3", "--conf", role];
            Application::start(&environment, &master, name, program, &arguments)
        });
    until("both are subscribed", || {
        let frameworks = http::get(&master.address, "/frameworks").json();
        frameworks["frameworks"].as_array().is_some_and(|all| all.len() == 2)
    });
    master.folder.write("done", "");
    until("each has a third", || cpus(&master) == ["0.0", "1.0", "1.0", "1.0"]);
    for application in applications {
        assert_eq!(application.wait(&master), "sum 1770\n");
    }
    until("the job has everything", || cpus(&master)[1] == "3.0");
}

fn an_executor_that_is_killed_is_replaced(PySpark(environment): PySpark) {
    let master = Master::start("2x1cpu,2Gi", &[]);
    let program = "from time import sleep\n\
                   from pyspark import SparkContext\n\
                   context = SparkContext()\n\
                   pairs = context.parallelize(range(100), 4).map(lambda n: (n % 4, n)).partitionBy(4)\n\
                   print('shuffled', pairs.count(), flush=True)\n\
                   slow = lambda part: [(sleep(2), sum(n for _, n in part))[1]]\n\
                   print('sum', sum(pairs.mapPartitions(slow).collect()))\n\
                   context.stop()\n";
    let application =
        Application::start(&environment, &master, "killed", program, &["--num-executors", "2"]);
    until("the shuffle is written", || application.said(&master, "out").contains("shuffled"));
    let is_executor = |process: &processes::Process| {
        let line = std::fs::read(format!("/proc/{}/cmdline", process.id)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("/java\0") && line.contains("CoarseGrainedExecutorBackend")
    };
    let below = processes::descendants(master.running.id()).unwrap();
    send(below.iter().find(|process| is_executor(process)).unwrap().id, Signal::KILL);
    let log = master.folder.path().join("killed.log");
    assert_eq!(application.wait(&master), "shuffled 100\nsum 4950\n");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("Lost executor"), "{log}");
    assert_eq!(log.matches("Registered executor").count(), 3, "{log}");
}

fn what_is_never_offered_is_said(PySpark(environment): PySpark) {
    let master = Master::start("1x1cpu,2Gi", &[]);
    let program = "from pyspark import SparkContext\nSparkContext().range(1).count()\n";
    let large = ["--num-executors", "1", "--executor-cores", "4"];
    let application = Application::start(&environment, &master, "large", program, &large);
    // It may come to be: a larger node may join.
    until("the driver says so", || {
        let log = application.said(&master, "log");
        log.lines().any(|line| {
            line.contains("WARN libmesos: no offer yet") && line.contains("more than any node")
        })
    });
    let asked: Value = http::get(&master.address, "/frameworks").json();
    assert!(asked["frameworks"][0]["waits_for"].is_string(), "{asked}");
}

fn nothing_outlives_a_driver_that_dies(PySpark(environment): PySpark) {
    let master = Master::start("2x1cpu,2Gi", &[]);
    let program = "from time import sleep\n\
                   from pyspark import SparkContext\n\
                   context = SparkContext()\n\
                   context.parallelize(range(2), 2).map(lambda n: sleep(3600)).count()\n";
    let application =
        Application::start(&environment, &master, "dies", program, &["--num-executors", "2"]);
    until("its executors run", || {
        application.said(&master, "log").matches("Registered executor").count() == 2
    });
    send(application.child.id(), Signal::KILL);
    until("its executors are gone", || {
        let below = processes::descendants(master.running.id()).unwrap();
        let frameworks = http::get(&master.address, "/frameworks").json();
        let ended = frameworks["completed_frameworks"].as_array().is_some_and(|all| all.len() == 1);
        ended && below.iter().all(|process| process.is_zombie)
    });
}
