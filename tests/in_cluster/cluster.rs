//! The cluster: started and furnished once for all tests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;

/// The root of the sources.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether a test lets others run beside it.
static IN_USE: RwLock<()> = RwLock::new(());

/// The right to use the cluster, for as long as it is kept.
pub(crate) enum Turn {
    /// Beside others.
    Shared { _guard: RwLockReadGuard<'static, ()> },
    /// Alone.
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// The cluster beside other tests; `None` if there is none and the test is to be skipped.
pub(crate) fn shared() -> Option<Turn> {
    is_there()
        .then(|| Turn::Shared { _guard: IN_USE.read().unwrap_or_else(PoisonError::into_inner) })
}

/// The cluster for one test alone, which may break it for a while.
pub(crate) fn alone() -> Option<Turn> {
    is_there()
        .then(|| Turn::Alone { _guard: IN_USE.write().unwrap_or_else(PoisonError::into_inner) })
}

/// As [`alone`], for tests that kill processes of the cluster, which have to run on this machine.
pub(crate) fn alone_on_this_machine() -> Option<Turn> {
    if is_foreign() {
        say(&format!("{}: skipped, as it breaks only clusters of tests/cluster", test_name()));
        return None;
    }
    alone()
}

/// Where the scripts of the test cluster keep what runs.
pub(crate) fn state() -> PathBuf {
    let name = std::env::var("PROFFER_TEST_CLUSTER_NAME").unwrap_or_default();
    let suffix = if name.is_empty() { name } else { format!("-{name}") };
    PathBuf::from(format!("/var/lib/proffer-test-cluster{suffix}"))
}

/// Whether it is a cluster that the user named.
pub(crate) fn is_foreign() -> bool {
    let kubeconfig = std::env::var_os("KUBECONFIG").filter(|it| !it.is_empty());
    kubeconfig.is_some_and(|it| Path::new(&it) != state().join("kubeconfig"))
}

fn is_there() -> bool {
    static READY: OnceLock<Result<(), String>> = OnceLock::new();
    let wish = std::env::var("PROFFER_TEST_CLUSTER").unwrap_or_default();
    let ready = if wish == "skip" {
        &Err("PROFFER_TEST_CLUSTER=skip".to_owned())
    } else {
        READY.get_or_init(prepare)
    };
    match ready {
        Ok(()) => true,
        Err(reason) if wish == "required" => panic!("there is no cluster: {reason}"),
        Err(reason) => {
            say(&format!("{}: skipped, as there is no cluster: {reason}", test_name()));
            false
        }
    }
}

/// Starts the cluster and installs Proffer; says why if that is not possible.
fn prepare() -> Result<(), String> {
    if std::env::var("PROFFER_TEST_CLUSTER").is_ok_and(|wish| wish == "installed") {
        return Ok(());
    }
    if !is_foreign() {
        if !cfg!(target_os = "linux") {
            return Err("the test cluster needs Linux; or set KUBECONFIG".to_owned());
        }
        if !rustix::process::geteuid().is_root() {
            return Err("the test cluster needs root; or set KUBECONFIG".to_owned());
        }
        if !has_go() && !state().exists() {
            return Err(
                "there is no Go to build one with: run tests/cluster/up, which fetches Go, \
                        or set KUBECONFIG"
                    .to_owned(),
            );
        }
    }
    say("tests/cluster/up: a cluster for the tests (16 minutes if it has to be built first)");
    script("up", &[])?;
    say("tests/cluster/install: builds Proffer's images and installs its chart");
    install()?;
    say("the cluster is ready");
    Ok(())
}

/// Installs Proffer, or brings it up to date.
pub(crate) fn install() -> Result<(), String> {
    script("install", &["--values", "tests/in_cluster/values.yaml", "--timeout", "5m"])
}

fn has_go() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/local/go/bin")]);
    folders.any(|folder| folder.join("go").exists())
}

fn script(name: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(root().join("tests/cluster").join(name));
    let command = command.args(arguments).current_dir(root()).stdin(Stdio::null());
    // What they say goes to where the user sees it, past what the harness keeps back.
    let command = command.stdout(std::io::stderr());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("tests/cluster/{name}: {status}; it says why above")),
        Err(error) => Err(format!("tests/cluster/{name}: {error}")),
    }
}

/// Starts what died of the cluster.
pub(crate) fn mend() {
    script("up", &[]).unwrap();
}

/// Says something to the user even while the test goes well.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn test_name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

/// A command that is run where the cluster can be reached.
pub(crate) fn enter(arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("tests/cluster/enter"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs a command where the cluster can be reached, with something on its standard input.
pub(crate) fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = enter(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without having read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What a command prints that has to succeed.
#[track_caller]
pub(crate) fn output(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}\n{input}\n{stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// What `kubectl` prints; it has to succeed.
#[track_caller]
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    output(&[&["kubectl"], arguments].concat(), "")
}

/// An object or a list of them, as JSON.
#[track_caller]
pub(crate) fn json(arguments: &[&str]) -> Value {
    let text = kubectl(&[arguments, &["-o", "json"]].concat());
    serde_json::from_str(&text).unwrap()
}
