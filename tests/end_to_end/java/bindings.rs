//! All of Mesos's Java bindings: every native method, and what each class does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proffer_test_harness::{Fixture, Test, tests};

use super::{Wire, program};
use crate::mesos::{Master, http};
use crate::run::{Ended, Folder, until};
use crate::spark::library;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        each_version_of_the_bindings_runs_tasks,
        a_framework_acknowledges_by_itself,
        every_native_method_of_every_version_is_there,
        mistakes_are_exceptions_and_what_ended_says_so,
        a_framework_changes_in_which_roles_it_is_offered_what,
        schedulers_speak_the_v1_api_themselves,
        a_scheduler_that_throws_is_told_why_it_cannot_call,
        executors_in_java_show_who_they_are_and_run_tasks,
        an_executor_finds_its_agent_again_and_loses_nothing,
        an_executor_ends_with_its_agent,
    ]
}

/// The first and the last version of the bindings that have to work, and how many native methods each has.
const VERSIONS: [(&str, usize); 2] = [("1.5.0", 108), ("1.11.0", 112)];
pub(super) const LAST_VERSION: &str = "1.11.0";

/// A folder with the jars of the bindings and of what they need, in one of its own for each version.
pub(super) struct MesosJars(PathBuf);

impl Fixture for MesosJars {
    fn set_up() -> Result<Self, String> {
        let named = std::env::var_os("PROFFER_TEST_MESOS_JARS").ok_or(
            "PROFFER_TEST_MESOS_JARS does not name a folder with the jars of Mesos's Java bindings, as \
             1.11.0/mesos-1.11.0.jar and 1.11.0/protobuf-java-3.5.0.jar; Java 17 is needed, too",
        )?;
        Ok(Self(named.into()))
    }
}

impl MesosJars {
    /// The class path of a version.
    pub(super) fn of(&self, version: &str) -> PathBuf {
        self.0.join(version).join("*")
    }
}

/// Runs a program with these classes of Mesos to its end.
#[track_caller]
fn run(classes: &Path, name: &str, arguments: &[&str]) -> Ended {
    let ended = Ended::from(program(classes, name, arguments).output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

fn each_version_of_the_bindings_runs_tasks(jars: MesosJars) {
    let master = Master::start("2x2cpu,2Gi", &[]);
    for (name, _) in VERSIONS {
        let classes = jars.of(name);
        let ended = run(&classes, "Drivers", &["two", &master.address]);
        let stopped = ended.stdout.matches("ended as DRIVER_STOPPED").count();
        assert_eq!(stopped, 3, "{name}: {} {}", ended.stdout, ended.stderr);
    }
}

/// A master that knows one principal.
fn master_of_me() -> Master {
    let folder = Folder::new();
    folder.write("names.json", r#"{"credentials": [{"principal": "me", "secret": "right"}]}"#);
    Master::start_with(folder, "1x2cpu,2Gi", &[], &["--mesos-credentials", "names.json"])
}

fn a_framework_acknowledges_by_itself(jars: MesosJars) {
    let master = master_of_me();
    for (name, _) in VERSIONS {
        let arguments = ["explicit", &*master.address, "me", "right"];
        let ended = run(&jars.of(name), "Drivers", &arguments);
        let told: Vec<&str> =
            ended.stdout.lines().filter_map(|line| line.strip_prefix("explicit: ")).collect();
        let expected = [
            "registered",
            "task-of-explicit TASK_STARTING",
            "task-of-explicit TASK_RUNNING",
            "task-of-explicit TASK_FINISHED",
            "ended as DRIVER_STOPPED",
        ];
        assert_eq!(told, expected, "{name}: {}", ended.stderr);
    }
}

/// A name of Java as it is part of the name of a native function.
fn mangled(name: &str) -> String {
    let mut mangled = String::new();
    for letter in name.chars() {
        match letter {
            '.' | '/' => mangled.push('_'),
            '_' => mangled += "_1",
            ';' => mangled += "_2",
            '[' => mangled += "_3",
            letter if letter.is_ascii_alphanumeric() => mangled.push(letter),
            other => write!(mangled, "_0{:04x}", u32::from(other)).unwrap(),
        }
    }
    mangled
}

/// The functions that the library has for a JVM.
fn functions() -> BTreeSet<String> {
    let listed = Command::new("nm").args(["-D", "--defined-only"]).arg(library()).output().unwrap();
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names = listed.lines().filter_map(|line| line.split_whitespace().last());
    names.filter(|name| name.starts_with("Java_")).map(str::to_owned).collect()
}

/// Exceptions by which a call that is wrong ends.
const EXCEPTIONS: [&str; 4] = [
    "java.lang.NullPointerException: null was given instead of ",
    "java.lang.IllegalStateException: the object was never initialized",
    "java.lang.IllegalStateException: MESOS_AGENT_ENDPOINT is not set",
    "java.lang.UnsupportedOperationException: ",
];

fn every_native_method_of_every_version_is_there(jars: MesosJars) {
    let functions = functions();
    let mut used = BTreeSet::new();
    for (name, count) in VERSIONS {
        let classes = jars.of(name);
        let ended = run(&classes, "Natives", &[]);
        let methods: Vec<Vec<&str>> =
            ended.stdout.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(methods.len(), count, "{} {}", ended.stdout, ended.stderr);
        let mut overloads = BTreeMap::new();
        for method in &methods {
            *overloads.entry((method[0], method[1])).or_insert(0) += 1;
        }
        for method in &methods {
            let [class, name, types, outcome] = method[..] else { panic!("{method:?}") };
            // A JVM looks for the short name first, and all overloads have the same.
            let short = format!("Java_{}_{}", mangled(class), mangled(name));
            let long = format!("{short}__{}", mangled(types));
            let is_overloaded = overloads[&(class, name)] > 1;
            assert!(!is_overloaded || !functions.contains(&short), "{short} is for {method:?}");
            let found = if functions.contains(&short) { short } else { long };
            assert!(functions.contains(&found), "{found} is missing for {method:?}");
            used.insert(found);
            let is_known = outcome == "returned"
                || EXCEPTIONS.iter().any(|exception| outcome.starts_with(exception));
            assert!(is_known, "{method:?}");
        }
    }
    assert_eq!(functions, used, "there is nothing that no version calls");
}

fn mistakes_are_exceptions_and_what_ended_says_so(jars: MesosJars) {
    let classes = jars.of(LAST_VERSION);
    let ended = run(&classes, "Wrong", &[]);
    let said: BTreeMap<&str, &str> =
        ended.stdout.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let null =
        |what: &str| format!("java.lang.NullPointerException: null was given instead of {what}");
    let class = |given: &str, wanted: &str| {
        format!("java.lang.IllegalArgumentException: {given} was given instead of {wanted}")
    };
    for (mistake, expected) in [
        ("null task", null("Protos.TaskID")),
        ("null offer", null("Protos.OfferID")),
        ("null offers", null("a collection")),
        ("null in a list", null("Protos.TaskStatus")),
        ("null roles", null("a collection")),
        ("null role", null("a string")),
        ("null constraints", null("scheduler.Protos.OfferConstraints")),
        ("null bytes", null("bytes")),
        ("text among offers", class("java.lang.String", "Protos.OfferID")),
        ("a task among roles", class("org.apache.mesos.Protos$TaskID", "a string")),
        ("a task among offers", class("org.apache.mesos.Protos$TaskID", "Protos.OfferID")),
        ("a list that throws", "java.lang.UnsupportedOperationException: by itself".to_owned()),
        ("executor's null update", null("Protos.TaskStatus")),
        ("executor's null bytes", null("bytes")),
    ] {
        assert_eq!(said[mistake], expected, "{mistake}");
    }
    for (mistake, start, part) in [
        ("an operation with an id", "java.lang.IllegalArgumentException: ", "'id' field was set"),
        (
            "acknowledged twice",
            "java.lang.IllegalStateException: ",
            "implicitAcknowledgements = false",
        ),
        ("executor without an agent", "java.lang.IllegalStateException: ", "MESOS_AGENT_ENDPOINT"),
        ("executor's staging task", "java.lang.IllegalArgumentException: ", "TASK_STARTING"),
        ("zk", "java.lang.IllegalArgumentException: ", "not looked up in ZooKeeper"),
        ("port", "java.lang.IllegalArgumentException: ", "is no port"),
        ("ZooKeeperState", "java.lang.UnsupportedOperationException: ", "Apache Curator"),
        (
            "ZooKeeperState with a name",
            "java.lang.UnsupportedOperationException: ",
            "Apache Curator",
        ),
        ("LogState", "java.lang.UnsupportedOperationException: ", "in a database"),
        ("LevelDBState", "java.lang.UnsupportedOperationException: ", "in files instead"),
        ("Log", "java.lang.UnsupportedOperationException: ", "to a database"),
    ] {
        let said = said[mistake];
        assert!(said.starts_with(start) && said.contains(part), "{mistake}: {said}");
    }
    for (moment, expected) in [
        ("before start", "DRIVER_NOT_STARTED"),
        ("start", "DRIVER_RUNNING"),
        ("while there is no master", "DRIVER_RUNNING"),
        ("start again", "DRIVER_RUNNING"),
        ("abort", "DRIVER_ABORTED"),
        ("after abort", "DRIVER_ABORTED"),
        ("join", "DRIVER_ABORTED"),
        ("stop", "DRIVER_ABORTED"),
        ("after stop", "DRIVER_STOPPED"),
        ("start at last", "DRIVER_STOPPED"),
        ("executor before start", "DRIVER_NOT_STARTED"),
        ("executor's stop", "DRIVER_NOT_STARTED"),
        ("InMemoryState", "y"),
    ] {
        assert_eq!(said[moment], expected, "{moment}");
    }
}

fn a_framework_changes_in_which_roles_it_is_offered_what(jars: MesosJars) {
    let classes = jars.of(LAST_VERSION);
    let master = Master::start("1x2cpu,2Gi", &["a", "b", "c"]);
    let ended = run(&classes, "Roles", &[&master.address]);
    let expected = "\
b\nb\nb
reviveOffers [a]: DRIVER_RUNNING
a
suppressOffers [a]: DRIVER_RUNNING
b\nb\nb
updateFramework [b, c], suppressed [b]: DRIVER_RUNNING
c\nc\nc
updateFramework, b elsewhere: DRIVER_RUNNING
c\nc\nc
updateFramework, c elsewhere: DRIVER_RUNNING
b\nb\nb
updateFramework of another: DRIVER_RUNNING
error: The 'FrameworkInfo.id' provided to MesosSchedulerDriver::updateFramework() (other) must be equal to \
the value known to the MesosSchedulerDriver (ID)
ended as DRIVER_ABORTED
";
    assert_eq!(ended.stdout, expected, "{}", ended.stderr);
}

/// What a scheduler of the v1 API is told until it has made its mistakes.
const OF_VERSION_1: &str = "\
connected
SUBSCRIBED
TASK_FINISHED
java.lang.NullPointerException: null was given instead of v1.scheduler.Protos.Call
java.lang.IllegalArgumentException: Expecting 'type' to be present
java.lang.IllegalArgumentException: Expecting 'kill' to be present
ERROR MASTER refused with 400: Framework cannot be found
";

fn schedulers_speak_the_v1_api_themselves(jars: MesosJars) {
    let classes = jars.of(LAST_VERSION);
    let master = Master::start("1x2cpu,2Gi", &[]);
    let ended = run(&classes, "Versions", &["v1", &master.address]);
    let again = "disconnected\nconnected\nSUBSCRIBED\n";
    assert_eq!(ended.stdout, format!("{OF_VERSION_1}{again}"), "{}", ended.stderr);
    let ended = run(&classes, "Versions", &["v0", &master.address]);
    assert_eq!(ended.stdout, OF_VERSION_1, "{}", ended.stderr);
    // Both were the framework that they were made with.
    let frameworks = http::get(&master.address, "/frameworks").json();
    let ended = frameworks["completed_frameworks"].as_array().unwrap();
    let names: Vec<_> = ended.iter().map(|framework| framework["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["versions", "versions"]);
}

fn a_scheduler_that_throws_is_told_why_it_cannot_call(jars: MesosJars) {
    let classes = jars.of(LAST_VERSION);
    let master = Master::start("1x2cpu,2Gi", &[]);
    let ended = run(&classes, "Versions", &["v1", &master.address, "throws"]);
    let last = ended.stdout.lines().last().unwrap();
    assert!(last.starts_with("java.lang.IllegalStateException: "), "{last}");
    assert!(last.ends_with("UnsupportedOperationException: nothing is done here"), "{last}");
    assert!(
        ended.stderr.contains("at Versions.received"),
        "its trace is printed: {}",
        ended.stderr
    );
}

/// What the executor of a master's tasks has said.
fn said_by_executor(master: &Master) -> String {
    let mut folders = vec![master.folder.path().join("sandboxes")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == "stdout" {
                return std::fs::read_to_string(entry.path()).unwrap();
            }
        }
    }
    String::new()
}

fn executors_in_java_show_who_they_are_and_run_tasks(jars: MesosJars) {
    let classes = jars.of(LAST_VERSION);
    let master = master_of_me();
    let address = format!("me:right@{}", master.address);
    let ended = run(&classes, "Executors", &[&address]);
    let expected = "\
one TASK_RUNNING by the executor
two TASK_RUNNING by the executor
message of e: welcome
one TASK_KILLED by the executor
ended as DRIVER_STOPPED
";
    assert_eq!(ended.stdout, expected, "{}", ended.stderr);
    let expected = "\
registered e of executors
launch one
launch two
message hello
kill one
shutdown
ended as DRIVER_STOPPED
after its end: DRIVER_STOPPED
";
    until("the executor has ended", || said_by_executor(&master).contains("after its end"));
    assert_eq!(said_by_executor(&master), expected);
}

/// Starts a framework whose executor reaches its agent by a wire, to which something happens when its tasks run.
fn on_a_wire(
    classes: &Path,
    master: &Master,
    arguments: &[&str],
    happens: impl FnOnce(&Wire),
) -> Ended {
    let wire = Wire::to(&master.address);
    let arguments = [&[&*master.address, &*wire.address], arguments].concat();
    let mut command = program(classes, "Executors", &arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until("its tasks run", || said_by_executor(master).contains("launch two\n"));
    happens(&wire);
    Ended::from(child.wait_with_output().unwrap())
}

fn an_executor_finds_its_agent_again_and_loses_nothing(jars: MesosJars) {
    let classes = jars.of(LAST_VERSION);
    let master = Master::start("1x2cpu,2Gi", &[]);
    let ended = on_a_wire(&classes, &master, &[], Wire::cut);
    let expected = "\
one TASK_RUNNING by the executor
two TASK_RUNNING by the executor
message of e: back
one TASK_KILLED by the executor
ended as DRIVER_STOPPED
";
    assert_eq!(ended.stdout, expected, "{} {}", ended.stderr, said_by_executor(&master));
    let expected = "\
registered e of executors
launch one
launch two
disconnected
registered again
kill one
";
    // It may be killed before it says that it was shut down.
    let said = said_by_executor(&master);
    assert!(said.starts_with(expected), "{said}");
}

fn an_executor_ends_with_its_agent(jars: MesosJars) {
    let classes = jars.of(LAST_VERSION);
    let master = Master::start("1x2cpu,2Gi", &[]);
    let ended = on_a_wire(&classes, &master, &["ends"], Wire::close);
    let lines: BTreeSet<&str> = ended.stdout.lines().collect();
    // It did not stop when it was told to, and its time was over.
    assert!(lines.contains("lost e 256"), "{} {}", ended.stdout, ended.stderr);
    let said = said_by_executor(&master);
    assert!(said.ends_with("disconnected\nshutdown\n"), "{said}");
}
