//! A namespace for each test, and waiting for what is to happen in it.

use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{self, Turn, enter, kubectl, output, run};

/// How long something may take that must happen before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);

/// The pause before something is looked at again that cannot be watched.
const PAUSE: Duration = Duration::from_millis(200);

/// A namespace, deleted with what is in it when the test is over.
pub(crate) struct Namespace {
    pub(crate) name: String,
    /// Objects outside of it, deleted with it.
    others: std::cell::RefCell<Vec<String>>,
    _turn: Turn,
}

impl Namespace {
    /// A new one, whose name begins so.
    pub(crate) fn new(turn: Turn, topic: &str) -> Self {
        let name = format!("test-{topic}-{}", std::process::id());
        kubectl(&["create", "namespace", &name]);
        let namespace = Self { name, others: std::cell::RefCell::default(), _turn: turn };
        // Pods are refused without it, and it comes a moment later.
        namespace.until("the service account", || {
            namespace.try_kubectl(&["get", "serviceaccount", "default"]).is_some()
        });
        namespace
    }

    /// What `kubectl` prints; it has to succeed.
    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&[&["-n", &self.name], arguments].concat())
    }

    /// What `kubectl` prints, if it succeeds.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Option<String> {
        let output = run(&[&["kubectl", "-n", &self.name], arguments].concat(), "");
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Makes objects, or makes them look like this.
    #[track_caller]
    pub(crate) fn apply(&self, manifests: &str) {
        output(&["kubectl", "-n", &self.name, "apply", "-f", "-"], manifests);
    }

    /// Makes a job with this spec. Its tasks run in the image of the tests and need little.
    #[track_caller]
    pub(crate) fn job(&self, name: &str, spec: &str) {
        self.apply(&job(name, spec));
    }

    /// Makes a pool, which goes with the namespace. Its name has to be unique.
    #[track_caller]
    pub(crate) fn pool(&self, name: &str, spec: &str) {
        self.apply(&format!(
            "apiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\nmetadata: {{name: {name}}}\n\
             spec: {spec}\n"
        ));
        self.delete_too(&format!("resourcepool/{name}"));
    }

    /// Has an object without a namespace deleted with this one.
    pub(crate) fn delete_too(&self, object: &str) {
        self.others.borrow_mut().push(object.to_owned());
    }

    /// An object or a list of them.
    #[track_caller]
    pub(crate) fn json(&self, object: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", object, "-o", "json"])).unwrap()
    }

    /// The objects of a kind.
    #[track_caller]
    pub(crate) fn list(&self, kind: &str) -> Vec<Value> {
        self.json(kind)["items"].as_array().unwrap().clone()
    }

    /// The status of a job.
    #[track_caller]
    pub(crate) fn status(&self, job: &str) -> Value {
        self.json(&format!("sparkjob/{job}"))["status"].clone()
    }

    /// Watches an object until something holds of it.
    #[track_caller]
    pub(crate) fn wait(&self, object: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            let watch = Watch::start(&self.name, object);
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                // A watch that breaks off, as the API server is restarted, begins anew.
                let Ok(version) = watch.versions.recv_timeout(left) else { break };
                if holds(&version) {
                    return version;
                }
                last = version;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("{object}: {what}: not within {PATIENCE:?}; it is now {last:#}\n{}", self.story());
    }

    /// Waits until a job has ended so, as `Complete` or `Failed`, and returns its status.
    #[track_caller]
    pub(crate) fn wait_for_end(&self, job: &str, condition: &str) -> Value {
        let ended = self.wait(&format!("sparkjob/{job}"), "it ends", |job| {
            has_condition(job, "Complete") || has_condition(job, "Failed")
        });
        let story = || self.story();
        assert!(has_condition(&ended, condition), "{:#}\n{}", ended["status"], story());
        ended["status"].clone()
    }

    /// Waits until an object is gone.
    #[track_caller]
    pub(crate) fn wait_until_gone(&self, object: &str) {
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        self.kubectl(&["wait", "--for=delete", object, &timeout]);
    }

    /// Waits until something is so, asking again and again.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let in_time = start.elapsed() < PATIENCE;
            assert!(in_time, "{what}: not within {PATIENCE:?}\n{}", self.story());
            std::thread::sleep(PAUSE);
        }
    }

    /// The pods of executors that are not about to go.
    #[track_caller]
    pub(crate) fn executor_pods(&self) -> Vec<Value> {
        let mut pods = self.list("pods");
        pods.retain(|pod| {
            pod["metadata"]["labels"]["proffer.dev/job"].is_string()
                && pod["metadata"]["deletionTimestamp"].is_null()
        });
        pods
    }

    /// What there is to see, for who has to find out why a test failed.
    fn story(&self) -> String {
        let show = |arguments: &[&str]| self.try_kubectl(arguments).unwrap_or_default();
        [
            show(&["get", "sj,se,pods,events", "-o", "wide"]),
            show(&["get", "sj", "-o", "yaml", "--show-managed-fields=false"]),
            show(&["-n", "proffer-system", "get", "pods", "-o", "wide"]),
            show(&["-n", "proffer-system", "logs", "-l", "proffer.dev/leader=true", "--tail=40"]),
        ]
        .join("\n")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            cluster::say(&self.story());
        }
        let namespace = format!("namespace/{}", self.name);
        // Pools are kept until their jobs are gone, so they are only told to go.
        let mut all = vec!["kubectl", "delete", "--wait=false", "--ignore-not-found", &namespace];
        let others = self.others.borrow();
        all.extend(others.iter().map(String::as_str));
        run(&all, "");
    }
}

/// The manifest of a job. Its executors ask for little unless the spec says otherwise.
pub(crate) fn job(name: &str, spec: &str) -> String {
    let mut spec: Value = serde_yaml::from_str(spec).unwrap();
    let executor = &mut spec["executor"];
    if executor.is_null() {
        *executor = Value::Object(serde_json::Map::new());
    }
    let executor = executor.as_object_mut().unwrap();
    for (key, value) in [("image", "busybox:1.37"), ("cpu", "100m"), ("memory", "64Mi")] {
        executor.entry(key).or_insert_with(|| value.into());
    }
    let job = serde_json::json!({
        "apiVersion": "proffer.dev/v1alpha1",
        "kind": "SparkJob",
        "metadata": {"name": name},
        "spec": spec,
    });
    job.to_string()
}

/// Whether an object has a condition that is true.
pub(crate) fn has_condition(object: &Value, name: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|it| it["type"] == name && it["status"] == "True")
}

/// The versions of an object as they come.
struct Watch {
    child: Child,
    versions: mpsc::Receiver<Value>,
}

impl Watch {
    fn start(namespace: &str, object: &str) -> Self {
        let get = ["kubectl", "-n", namespace, "get", object, "--watch", "-o", "json"];
        let mut command = enter(&get);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        let (sender, versions) = mpsc::channel();
        // Ends with the program, or when nobody listens.
        std::thread::spawn(move || {
            let all = serde_json::Deserializer::from_reader(stdout).into_iter();
            all.map_while(Result::ok).try_for_each(|version| sender.send(version))
        });
        Self { child, versions }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
