//! Frameworks on the JVM by Mesos's own classes and `libmesos.so`: several in one process, and connections
//! that break.

mod bindings;
mod encodings;

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use proffer_test_harness::{Test, tests};

use crate::mesos::Master;
use crate::run::{Ended, Folder, until};
use crate::spark::{PySpark, library};

pub(crate) fn tests() -> Vec<Test> {
    let own = tests![
        several_drivers_in_one_process,
        a_connection_that_breaks_is_made_again,
        a_wrong_password_ends_the_driver,
    ];
    [own, bindings::tests(), encodings::tests()].into_iter().flatten().collect()
}

/// The programs in Java.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/java");

/// Mesos's classes, which `PySpark` brings.
fn classes(environment: &Path) -> PathBuf {
    let pattern = environment.join("lib");
    let mut versions = std::fs::read_dir(pattern).unwrap().map(|entry| entry.unwrap().path());
    let jars = versions.find_map(|version| {
        let jars = version.join("site-packages/pyspark/jars");
        jars.is_dir().then_some(jars)
    });
    let jars = std::fs::read_dir(jars.unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let is_mesos = |jar: &PathBuf| {
        jar.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mesos-"))
    };
    jars.into_iter().find(is_mesos).unwrap()
}

fn java(environment: &Path, arguments: &[&str]) -> Command {
    program(&classes(environment), "Drivers", arguments)
}

/// A program with these classes of Mesos.
fn program(classes: &Path, name: &str, arguments: &[&str]) -> Command {
    let file = format!("{PROGRAMS}/{name}.java");
    let mut command = Command::new("java");
    command.arg("-cp").arg(classes).arg(&file).args(arguments);
    command.env("PROGRAM", file).env("MESOS_NATIVE_JAVA_LIBRARY", library()).stdin(Stdio::null());
    command
}

/// What one framework was told, in its order.
fn told<'a>(ended: &'a Ended, name: &str) -> Vec<&'a str> {
    let start = format!("{name}: ");
    ended.stdout.lines().filter_map(|line| line.strip_prefix(&*start)).collect()
}

fn several_drivers_in_one_process(PySpark(environment): PySpark) {
    let master = Master::start("2x2cpu,2Gi", &[]);
    let ended = Ended::from(java(&environment, &["two", &master.address]).output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for name in ["one", "two", "three"] {
        let expected = [
            "registered".to_owned(),
            format!("task-of-{name} TASK_STARTING"),
            format!("task-of-{name} TASK_RUNNING"),
            format!("task-of-{name} TASK_FINISHED"),
            "ended as DRIVER_STOPPED".to_owned(),
        ];
        let mut told = told(&ended, name);
        // A task that ends at once may be seen running or not.
        told.dedup();
        assert_eq!(told, expected, "{} {}", ended.stdout, ended.stderr);
    }
}

/// Passes connections on, until they are cut.
struct Wire {
    address: String,
    is_closed: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap().to_string(),
            is_closed: Arc::default(),
            ends: Arc::default(),
        };
        let (to, ends) = (address.to_owned(), Arc::clone(&wire.ends));
        let is_closed = Arc::clone(&wire.is_closed);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if is_closed.load(Ordering::Relaxed) {
                    continue;
                }
                let far = TcpStream::connect(&to).unwrap();
                ends.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (mut from, mut to) in
                    [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    std::thread::spawn(move || {
                        let _ = copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        wire
    }

    /// Has nobody pass any more.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.cut();
    }

    fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn a_connection_that_breaks_is_made_again(PySpark(environment): PySpark) {
    let master = Master::start("1x2cpu,2Gi", &[]);
    let wire = Wire::to(&master.address);
    let folder = Folder::new();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = java(&environment, &["reconnect", &wire.address]);
    let mut child = command.stdout(log).stderr(Stdio::null()).spawn().unwrap();
    until("it registers", || folder.read("log").contains("again: registered\n"));
    wire.cut();
    assert!(child.wait().unwrap().success());
    let expected = "again: registered\nagain: disconnected\nagain: registered again\n\
                    again: ended as DRIVER_STOPPED\n";
    assert_eq!(folder.read("log"), expected);
}

fn a_wrong_password_ends_the_driver(PySpark(environment): PySpark) {
    let folder = Folder::new();
    folder.write("names.json", r#"{"credentials": [{"principal": "me", "secret": "right"}]}"#);
    let more = ["--mesos-credentials", "names.json"];
    let master = Master::start_with(folder, "1x2cpu,2Gi", &[], &more);
    let login = |password: &str| {
        let arguments = ["login", &master.address, "me", password];
        Ended::from(java(&environment, &arguments).output().unwrap())
    };
    let wrong = login("wrong");
    let said = told(&wrong, "login");
    assert_eq!(said.len(), 2, "{}", wrong.stderr);
    // It is told before it ends.
    assert!(said[0].contains("wants a name and a password that it knows"), "{}", said[0]);
    assert_eq!(said[1], "ended as DRIVER_ABORTED");
    assert_eq!(told(&login("right"), "login").last(), Some(&"ended as DRIVER_STOPPED"));
}
