//! Input and output in an S3 bucket, as far as there is a server to try it with: `moto_server`,
//! named by `PROFFER_TEST_MOTO_SERVER` or found in PATH (`pip install 'moto[server,s3]'`). Without one the
//! tests are ignored.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::needless_pass_by_value, reason = "a test is given what it needs")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use common::Executor;
use proffer_test_harness::{Fixture, Test, tests};
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    proffer_test_harness::run([tests()])
}

fn tests() -> Vec<Test> {
    tests![stages_work_in_a_bucket, a_bucket_that_is_not_there_is_told]
}

struct Server {
    child: Child,
    address: String,
}

impl Fixture for Server {
    /// Starts a server with an empty bucket named `bucket`, if there is one to start.
    fn set_up() -> Result<Self, String> {
        let named = std::env::var("PROFFER_TEST_MOTO_SERVER").ok();
        let mut command = Command::new(named.as_deref().unwrap_or("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if named.is_none() => {
                return Err(format!("there is no S3 server: moto_server: {error}"));
            }
            Err(error) => panic!("PROFFER_TEST_MOTO_SERVER: {error}"),
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| line.split_once("Running on http://").map(|(_, to)| to.to_owned()))
            .unwrap();
        std::thread::spawn(move || lines.count());
        let server = Self { child, address: address.trim().to_owned() };
        server.request("PUT", "/bucket", "");
        Ok(server)
    }
}

impl Server {
    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let size = body.len();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {size}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
             SignedHeaders=host, Signature=none\r\n\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{head}");
        body.to_owned()
    }

    fn executor(&self, stages: &Value) -> Executor {
        let endpoint = format!("http://{}", self.address);
        let environment = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        let mut executor = Executor::start_with(&[], &environment);
        let job = common::job(&json!({"cores": 2}), stages, Some("s3://bucket/some/work"));
        executor.send(&job);
        executor
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stage(name: &str, partitions: i32, command: &str, input: &Value) -> Value {
    json!({
        "name": name, "partitions": partitions, "command": ["sh", "-c", command],
        "input": input, "output": {},
    })
}

fn stages_work_in_a_bucket(server: Server) {
    let text: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    server.request("PUT", "/bucket/some/work/in/a", &text[..100_000]);
    server.request("PUT", "/bucket/some/work/in/b", &text[100_000..]);
    // More than is uploaded in one piece.
    let large = "tee $PROFFER_RESULT; head -c 20000000 /dev/zero | tr '\\0' '\\n'";
    let stages = json!([
        stage("copy", 3, "cat", &json!({"uri": "in/*"})),
        stage("large", 1, large, &json!({"stage": "copy"})),
        stage("size", 1, "wc -l", &json!({"stage": "large"})),
    ]);
    // Executors that die somewhere, and others that go on.
    for attempt in 0..6 {
        let mut executor = server.executor(&stages);
        executor.assign(&[("copy", attempt, "0-2")]);
        if attempt > 0 {
            executor.ended(u64::try_from(attempt).unwrap() % 4);
        }
        executor.child.kill().unwrap();
        executor.child.wait().unwrap();
    }
    let mut executor = server.executor(&stages);
    executor.assign(&[("copy", 9, "0-2")]);
    assert_eq!(executor.ended(3).failures, []);
    executor.assign(&[("copy", 9, "3")]);
    assert_eq!(executor.ended(1).failures, []);
    let part =
        |number| server.request("GET", &format!("/bucket/some/work/copy/part-0000{number}"), "");
    let read: Vec<String> = (0..3).map(part).collect();
    let cut = format!("{}\n{}", &text[..100_000], &text[100_000..]);
    assert_eq!(read.concat().lines().collect::<Vec<_>>(), cut.lines().collect::<Vec<_>>());
    let listing = server.request("GET", "/bucket?list-type=2&prefix=some/work/copy/", "");
    assert!(listing.contains("copy/_SUCCESS") && !listing.contains("_proffer/attempts"));

    executor.assign(&[("large", 0, "0")]);
    let report = executor.ended(1);
    let uri = "s3://bucket/some/work/_proffer/u/results/large/0";
    assert_eq!(report.results[0].uri.as_deref(), Some(uri), "{report:?}");
    executor.assign(&[("size", 0, "0")]);
    assert_eq!(executor.ended(1).failures, []);
    let lines: usize =
        server.request("GET", "/bucket/some/work/size/part-00000", "").trim().parse().unwrap();
    assert_eq!(lines, 20_000_000 + read.concat().lines().count());
}

fn a_bucket_that_is_not_there_is_told(server: Server) {
    let mut stage = stage("s", 1, "true", &json!({"text": ""}));
    stage["output"] = json!({"uri": "s3://other/out"});
    let mut executor = server.executor(&json!([stage]));
    executor.assign(&[("s", 0, "0")]);
    let failure = executor.ended(1).failures.remove(0);
    assert_eq!(failure.reason, "OutputFailed");
    assert!(failure.message.contains("s3://other/out"), "{}", failure.message);
}
