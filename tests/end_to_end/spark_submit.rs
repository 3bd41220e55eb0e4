//! What Spark's own spark-submit sends to an API server in cluster mode: recorded from the real one, and
//! compared with the golden that Proffer's drivers are compared with (`spark_pod/tests.rs`).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use serde_json::{Value, json};

/// Where Spark is unpacked: where the test says, or where tests/cluster/spark-image keeps it.
fn spark_home() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PROFFER_TEST_SPARK_HOME") {
        return Some(named.into());
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/spark-image");
    let output = Command::new(script).arg("--home").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().into())
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
        let is_read = line.starts_with("GET ");
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
        let (status, reply) = if is_read {
            (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}))
        } else {
            sent.send(object.clone()).ok()?;
            object["metadata"]["uid"] = json!("uid");
            (201, object)
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

#[test]
fn what_the_real_one_sends_is_what_drivers_are_compared_with() {
    let Some(home) = spark_home() else {
        eprintln!(
            "skipped, as there is no Spark: run tests/cluster/spark-image, or set PROFFER_TEST_SPARK_HOME"
        );
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, sent) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || serve(connection, &sender));
        }
    });
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
