//! What Spark's own spark-submit sends to an API server in cluster mode, and what its driver sends for its
//! executors: recorded from the real ones, and compared with goldens. Proffer's drivers are compared with the
//! one (`spark_pod/tests.rs`); the other has the executor of a driver with Proffer's settings beside it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use proffer_test_harness::{Fixture, Test, tests};
use serde_json::{Value, json};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        what_the_real_one_sends_is_what_drivers_are_compared_with,
        executors_are_those_of_spark_but_for_what_proffer_adds,
    ]
}

/// How long a driver may take until it asks for executors.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where Spark is unpacked: where the test says, or where tests/cluster/spark-image keeps it.
struct SparkHome(PathBuf);

impl Fixture for SparkHome {
    fn set_up() -> Result<Self, String> {
        if let Some(named) = std::env::var_os("PROFFER_TEST_SPARK_HOME") {
            return Ok(Self(named.into()));
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/spark-image");
        let output = Command::new(script).arg("--home").output().unwrap();
        if !output.status.success() {
            return Err("there is no Spark: run tests/cluster/spark-image, or set \
                        PROFFER_TEST_SPARK_HOME"
                .to_owned());
        }
        Ok(Self(String::from_utf8_lossy(&output.stdout).trim().into()))
    }
}

/// Answers as if everything were made, and passes on what was sent.
fn serve(connection: TcpStream, sent: &mpsc::Sender<Value>) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut connection = connection;
    loop {
        let (mut length, mut line) = (0, String::new());
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let read = line.strip_prefix("GET ").map(|rest| rest.contains("/pods/"));
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(number) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut object: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (status, reply) = match read {
            // Its own pod, of which a driver makes its executors' owner.
            Some(true) => (
                200,
                json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "driver", "uid": "uid"}}),
            ),
            Some(false) => {
                (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}))
            }
            None => {
                sent.send(object.clone()).ok()?;
                object["metadata"]["uid"] = json!("uid");
                (201, object)
            }
        };
        let reply = reply.to_string();
        write!(
            connection,
            "HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{reply}",
            reply.len()
        )
        .ok()?;
    }
}

/// An API server: its port, and what is sent to it.
fn record() -> (u16, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, sent) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || serve(connection, &sender));
        }
    });
    (port, sent)
}

/// Without what is another one each time: ids are long and hexadecimal.
fn without_ids(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    let mut result = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\n']) {
        if is_part(letter) {
            word.push(letter);
            continue;
        }
        for part in word.split_inclusive('-') {
            let plain = part.trim_end_matches('-');
            let is_id = plain.len() >= 16;
            result.push_str(if is_id { "ID" } else { plain });
            result.push_str(&part[plain.len()..]);
        }
        word.clear();
        result.push(letter);
    }
    result.trim_end().to_owned()
}

fn what_the_real_one_sends_is_what_drivers_are_compared_with(SparkHome(home): SparkHome) {
    let (port, sent) = record();
    let output = Command::new(home.join("bin/spark-submit"))
        .args(["--master", &format!("k8s://http://127.0.0.1:{port}"), "--deploy-mode", "cluster"])
        .args(["--name", "my-job", "--conf", "spark.kubernetes.container.image=spark:4"])
        .args(["--conf", "spark.kubernetes.namespace=ns", "--conf", "spark.executor.instances=2"])
        .args(["--conf", "spark.kubernetes.submission.waitAppCompletion=false"])
        .args(["local:///app.py", "10"])
        .env("SPARK_HOME", &home)
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("SPARK_USER", "spark")
        .env("KUBECONFIG", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let all: Vec<Value> = sent.try_iter().collect();
    let of = |kind: &str| all.iter().find(|object| object["kind"] == kind).expect(kind).clone();
    let settings = of("ConfigMap");
    let properties = settings["data"]["spark.properties"].as_str().unwrap();
    let mut lines: Vec<&str> = properties
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("spark.app.submitTime"))
        .filter(|line| !line.starts_with("spark.master"))
        .collect();
    lines.sort_unstable();
    let mut driver = of("Pod");
    let local = driver["spec"]["containers"][0]["env"].as_array_mut().unwrap();
    local.retain(|variable| variable["name"] != "SPARK_LOCAL_DIRS");
    let mounts = driver["spec"]["containers"][0]["volumeMounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["name"] != "spark-local-dir-1");
    let recorded = json!({"driver": driver, "properties": lines});
    let text = without_ids(&serde_json::to_string_pretty(&recorded).unwrap()) + "\n";
    super::chart::expect_file("tests/goldens/spark-submit/4.3.0.json", &text);
}

/// A driver that is killed when it is no longer needed.
struct Driver(std::process::Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The pod of an executor that a real driver with these settings asks for.
fn executor(home: &Path, settings: &str, more: &[(&str, &str)]) -> Value {
    let (port, sent) = record();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let token = file("token", "token");
    let server = format!("http://127.0.0.1:{port}");
    let application = file(
        "app.py",
        "import sys\nfrom pyspark import SparkContext\ncontext = SparkContext()\nsys.stdin.read()\n",
    );
    // Where it runs is not where it says; the rest is as it is in a cluster.
    let here = [
        ("spark.kubernetes.driver.master", server.as_str()),
        ("spark.kubernetes.authenticate.driver.mounted.oauthTokenFile", &token),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.driver.port", "0"),
        ("spark.driver.blockManager.port", "0"),
        ("spark.ui.enabled", "false"),
    ];
    let mut command = Command::new(home.join("bin/spark-submit"));
    command.args(["--properties-file", &file("spark.properties", settings)]);
    for (key, value) in here.iter().chain(more) {
        command.args(["--conf", &format!("{key}={value}")]);
    }
    command
        .args(["--deploy-mode", "client", &application])
        .env("SPARK_HOME", home)
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("SPARK_USER", "spark")
        .env("KUBECONFIG", "/dev/null")
        .env_remove("PYTHONPATH")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.path().join("log")).unwrap());
    let driver = Driver(command.spawn().unwrap());
    // They are asked for side by side.
    let is_first = |object: &Value| object["metadata"]["labels"]["spark-exec-id"] == "1";
    let pod = std::iter::from_fn(|| sent.recv_timeout(PATIENCE).ok()).find(is_first);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    drop(driver);
    pod.unwrap_or_else(|| panic!("no executor was asked for: {log}"))
}

/// Lists by the names of what is in them, without what is another one each time.
fn by_name(value: Value) -> Value {
    match value {
        Value::Array(items) if items.iter().all(|item| item["name"].is_string()) => items
            .into_iter()
            .map(|item| {
                let name = item["name"].as_str().unwrap().to_owned();
                // The options of the JVM have numbers for names, and no order.
                let is_option = name.starts_with("SPARK_JAVA_OPT_");
                let item = by_name(if is_option { item["value"].clone() } else { item });
                match item {
                    Value::String(option) => (option, Value::Bool(true)),
                    item => (name, item),
                }
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(by_name).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, by_name(value))).collect()
        }
        Value::String(text) => without_places(&without_ids(&text)).into(),
        other => other,
    }
}

/// Without ports and the names of folders that are another one each time.
fn without_places(text: &str) -> String {
    for (start, word) in
        [("/var/data/spark-", "ID"), ("@127.0.0.1:", "PORT"), ("-Dspark.driver.port=", "PORT")]
    {
        if let Some(at) = text.find(start) {
            return format!("{}{word}", &text[..at + start.len()]);
        }
    }
    text.to_owned()
}

/// What differs between two objects, a line each.
fn differences(place: &str, stock: &Value, ours: &Value, lines: &mut Vec<String>) {
    match (stock, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                differences(&format!("{place}/{key}"), &stock[key], &ours[key], lines);
            }
        }
        _ if stock == ours => {}
        (Value::Null, ours) => lines.push(format!("{place}: added {ours}")),
        (stock, Value::Null) => lines.push(format!("{place}: left out {stock}")),
        (stock, ours) => lines.push(format!("{place}: {ours} instead of {stock}")),
    }
}

fn executors_are_those_of_spark_but_for_what_proffer_adds(SparkHome(home): SparkHome) {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/spark-submit");
    let golden = |name: &str| std::fs::read_to_string(goldens.join(name)).unwrap();
    let stock: Value = serde_json::from_str(&golden("4.3.0.json")).unwrap();
    let lines = stock["properties"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    let mut settings = lines.collect::<Vec<_>>().join("\n");
    settings.push_str("\nspark.master=k8s://https://kubernetes.default.svc\n");
    let template = goldens.join("proffer-template.json");
    let template = ("spark.kubernetes.executor.podTemplateFile", template.to_str().unwrap());
    let (stock, ours) = std::thread::scope(|scope| {
        let stock = scope.spawn(|| executor(&home, &settings, &[]));
        let ours = executor(&home, &golden("proffer.properties"), &[template]);
        (stock.join().unwrap(), ours)
    });
    let mut lines = Vec::new();
    differences("", &by_name(stock.clone()), &by_name(ours), &mut lines);
    let recorded = json!({"stock": by_name(stock), "proffer": lines});
    let text = serde_json::to_string_pretty(&recorded).unwrap() + "\n";
    super::chart::expect_file("tests/goldens/spark-submit/4.3.0-executor.json", &text);
}
