//! The cluster: found, or built where that is asked for, and furnished once for all tests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use proffer_test_harness::Fixture;
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

/// The cluster beside other tests.
pub(crate) struct Shared(pub(crate) Turn);

impl Fixture for Shared {
    fn set_up() -> Result<Self, String> {
        is_there()?;
        let guard = IN_USE.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Self(Turn::Shared { _guard: guard }))
    }
}

/// The cluster for one test alone, which may break it for a while.
pub(crate) struct Alone(pub(crate) Turn);

impl Fixture for Alone {
    fn set_up() -> Result<Self, String> {
        is_there()?;
        let guard = IN_USE.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Self(Turn::Alone { _guard: guard }))
    }
}

/// As [`Alone`], for tests that need more than the API of the cluster, as they kill its processes or load
/// images: it runs on this machine.
pub(crate) struct AloneOnThisMachine(pub(crate) Turn);

impl Fixture for AloneOnThisMachine {
    fn set_up() -> Result<Self, String> {
        is_there()?;
        if is_foreign() {
            return Err(
                "it needs the cluster of tests/cluster, and KUBECONFIG names another".into()
            );
        }
        Alone::set_up().map(|Alone(turn)| Self(turn))
    }
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

/// What the user wants of the tests here, by `PROFFER_TEST_CLUSTER`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wish {
    /// Use a cluster that is there.
    IfThere,
    /// Leave them out.
    Skip,
    /// Build what is missing; fail without a cluster.
    Required,
    /// Use a cluster with what is installed there.
    Installed,
}

impl Wish {
    pub(crate) fn read() -> Self {
        match std::env::var("PROFFER_TEST_CLUSTER").unwrap_or_default().as_str() {
            "" => Self::IfThere,
            "skip" => Self::Skip,
            "required" => Self::Required,
            "installed" => Self::Installed,
            other => panic!(
                "PROFFER_TEST_CLUSTER={other}: it is skip, required or installed, or is not set"
            ),
        }
    }
}

/// Why there is no cluster.
#[derive(Clone)]
enum Trouble {
    /// Nobody promised one.
    Absent(String),
    /// It should be there, or Proffer should be.
    Broken(String),
}

/// Has the cluster ready, once for all tests; or says why there is none.
fn is_there() -> Result<(), String> {
    static READY: OnceLock<Result<(), Trouble>> = OnceLock::new();
    match READY.get_or_init(|| prepare(Wish::read())) {
        Ok(()) => Ok(()),
        Err(Trouble::Absent(reason)) => Err(reason.clone()),
        Err(Trouble::Broken(reason)) => panic!("{reason}"),
    }
}

fn prepare(wish: Wish) -> Result<(), Trouble> {
    match wish {
        Wish::Skip => return Err(Trouble::Absent("PROFFER_TEST_CLUSTER=skip".to_owned())),
        Wish::Installed => return Ok(()),
        Wish::IfThere => find().map_err(Trouble::Absent)?,
        Wish::Required => {
            let absent = |error| Trouble::Broken(format!("there is no cluster: {error}"));
            if !is_foreign() {
                say(
                    "tests/cluster/up: a cluster for the tests (16 minutes if it has to be built first)",
                );
                script("up", &[]).map_err(absent)?;
            }
            find().map_err(absent)?;
        }
    }
    say("tests/cluster/install: builds Proffer's images and installs its chart");
    install().map_err(|error| {
        Trouble::Broken(format!(
            "the cluster has no Proffer: {error} (PROFFER_TEST_CLUSTER=installed takes the one that is \
             there, skip leaves these tests out)"
        ))
    })?;
    say("the cluster is ready");
    Ok(())
}

/// Looks for a cluster that runs and that Proffer can be installed in; says why there is none.
fn find() -> Result<(), String> {
    let named = is_foreign();
    if !named && !state().join("kubeconfig").exists() {
        return Err(
            "no cluster runs: start one with tests/cluster/up, set KUBECONFIG, or have one \
                    built with PROFFER_TEST_CLUSTER=required"
                .to_owned(),
        );
    }
    let place = if named { "the cluster of KUBECONFIG" } else { "the cluster of tests/cluster" };
    let ask = |what: &[&str]| {
        let output = run(&[&["kubectl"], what].concat(), "");
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{place} does not answer: {}", said.lines().last().unwrap_or_default()))
    };
    ask(&["get", "--raw", "/readyz", "--request-timeout=10s"])?;
    if !named {
        return Ok(());
    }
    let context = ask(&["config", "current-context"])?;
    if context.starts_with("kind-") || context.starts_with("k3d-") {
        return Ok(());
    }
    Err(format!(
        "the context {context} is neither kind's nor k3d's, so images cannot be loaded there: install \
         Proffer, and set PROFFER_TEST_CLUSTER=installed"
    ))
}

/// Installs Proffer, or brings it up to date.
pub(crate) fn install() -> Result<(), String> {
    script("install", &["--values", "tests/in_cluster/values.yaml", "--timeout", "5m"])
}

fn script(name: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(root().join("tests/cluster").join(name));
    let command = command.args(arguments).current_dir(root()).stdin(Stdio::null());
    // What they say is for the user, and the standard output is the harness's.
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

/// Says something to the user.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
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
