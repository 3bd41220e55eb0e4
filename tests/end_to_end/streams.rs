//! What becomes of what is printed: nobody reads it, there is no room for it, or it is on a terminal.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use proffer_test_harness::{Test, tests};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_closed_pipe_ends_every_command_as_usual,
        a_full_disk_is_an_error_of_every_command,
        jobs_run_to_their_end_whether_anybody_hears_of_them_or_not,
        a_terminal_is_shown_what_tasks_print_and_does_nothing_on_it,
        a_pipe_gets_what_tasks_print_as_it_is,
    ]
}

const SCENARIO: &str = "\
kind: fill
name: x
nodes: [{name: n, cpus: 2}]
pools: [{name: a}]
jobs: [{name: A, pool: a, executor: {cpus: 1}, executors: inf}]
expect: {A: 2}
";

const TRACE: &str = "\
submit_seconds,pool,name,executors,cpu,memory,tasks,task_seconds
0,default,a,1,1,1Gi,1,1
";

/// A task prints what terminals do something on, and so is its result.
const ESCAPES: &str = r#"stages: [{name: s, command: [sh, -c, 'printf "\033]52;c;ZXZpbA==\007line\n"; printf "\033]0;OWNED\007" > "$PROFFER_RESULT"']}]"#;

/// Every command that prints something without a cluster, and its exit code.
const COMMANDS: [(&[&str], i32); 12] = [
    (&["crds"], 0),
    (&["completion", "bash"], 0),
    (&["--help"], 0),
    (&["--version"], 0),
    (&["help", "simulate"], 0),
    (&["local", "-q", "job.yaml"], 0),
    (&["local", "-q", "failing.yaml"], 1),
    (&["local", "-q", "-o", "yaml", "job.yaml"], 0),
    (&["simulate", "x.yaml", "x.yaml"], 0),
    (&["simulate", "--trace", "x.csv", "-o", "json"], 0),
    (&["simulate", "--trace", "x.csv"], 0),
    (&["simulate", "--seed", "1", "--steps", "20"], 0),
];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("x.yaml", SCENARIO);
    folder.write("x.csv", TRACE);
    folder.job("maxTaskFailures: 1\nstages: [{name: s, command: ['false']}]");
    std::fs::rename(folder.path().join("job.yaml"), folder.path().join("failing.yaml")).unwrap();
    folder.job("stages: [{name: s, command: ['true']}]");
    folder
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// Runs a command whose standard output is this; returns its exit code and what it says elsewhere.
fn run(folder: &Folder, arguments: &[&str], stdout: Stdio) -> (Option<i32>, String) {
    let mut command = folder.proffer(arguments);
    let output = command.stdin(Stdio::null()).stdout(stdout).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn a_closed_pipe_ends_every_command_as_usual() {
    let folder = folder();
    for (arguments, code) in COMMANDS {
        let ended = run(&folder, arguments, closed());
        assert_eq!(ended, (Some(code), String::new()), "{arguments:?}");
    }
}

fn a_full_disk_is_an_error_of_every_command() {
    let folder = folder();
    for (arguments, _) in COMMANDS {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = run(&folder, arguments, full.into());
        let message =
            "proffer: cannot write to standard output: No space left on device (os error 28)\n";
        assert_eq!(ended, (Some(1), message.to_owned()), "{arguments:?}");
    }
}

fn jobs_run_to_their_end_whether_anybody_hears_of_them_or_not() {
    let folder = folder();
    for (file, code) in [("job.yaml", 0), ("failing.yaml", 1)] {
        let mut command = folder.proffer(&["local", file]);
        command.stdin(Stdio::null()).stdout(closed()).stderr(closed());
        assert_eq!(command.status().unwrap().code(), Some(code), "{file}");
    }
}

/// What a terminal shows of a job.
fn on_a_terminal(folder: &Folder) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let open = || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut command = folder.proffer(&["local", "job.yaml"]);
    let mut child = command.stdin(Stdio::null()).stdout(open()).stderr(open()).spawn().unwrap();
    // The command holds the other ends as well, and would keep them open.
    drop(command);
    let mut shown = Vec::new();
    // The end of a terminal that nobody has open any more is an error.
    let _ = File::from(terminal).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success());
    String::from_utf8(shown).unwrap()
}

fn a_terminal_is_shown_what_tasks_print_and_does_nothing_on_it() {
    let folder = Folder::new();
    folder.job(ESCAPES);
    let shown = on_a_terminal(&folder);
    assert!(shown.contains(r"j/s/0: \u{1b}]52;c;ZXZpbA==\u{7}line"), "{shown:?}");
    assert!(shown.contains(r"0  \u{1b}]0;OWNED\u{7}"), "{shown:?}");
    for sequence in ["\u{1b}]0;", "\u{1b}]52;", "\u{7}"] {
        assert!(!shown.contains(sequence), "{sequence:?} in {shown:?}");
    }
}

fn a_pipe_gets_what_tasks_print_as_it_is() {
    let folder = Folder::new();
    folder.job(ESCAPES);
    let ended = folder.run(&["local", "job.yaml"]).expect_code(0);
    assert!(ended.stdout.contains("0  \u{1b}]0;OWNED\u{7}\n"), "{:?}", ended.stdout);
    assert!(ended.stderr.contains("\u{1b}]52;c;ZXZpbA==\u{7}line"), "{:?}", ended.stderr);
}
