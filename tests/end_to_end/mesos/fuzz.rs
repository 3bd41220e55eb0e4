//! Whatever bytes come to its port, a master answers or hangs up, and goes on.

use std::io::{Read, Write};
use std::time::Duration;

use proffer_fuzz::Target;
use proffer_test_harness::{Test, tests};
use rustix::process::Signal;

use super::{Master, connect};
use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![a_master_survives_whatever_is_sent_to_it]
}

/// How long an answer is waited for; what is said may not be all of a request.
const A_MOMENT: Duration = Duration::from_millis(10);

/// Longer than a master waits for anybody.
const PATIENCE: Duration = Duration::from_secs(60);

fn a_master_survives_whatever_is_sent_to_it() {
    let more = ["--without-processes"];
    let master = Master::start_with(Folder::new(), "2x2cpu,4Gi", &[], &more);
    Target::named("http").with_inputs(500).run(|bytes| {
        let _ = exchange(&master.address, bytes, A_MOMENT);
    });
    let version = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = exchange(&master.address, version, PATIENCE).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    master.running.signal(Signal::INT);
    let ended = master.running.wait().expect_code(130);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// Sends something, and returns the beginning of what comes back.
fn exchange(address: &str, bytes: &[u8], patience: Duration) -> std::io::Result<String> {
    let mut stream = connect(address);
    stream.set_read_timeout(Some(patience))?;
    // Whoever has heard enough hangs up before all is said.
    stream.write_all(bytes)?;
    let mut beginning = [0; 512];
    let length = stream.read(&mut beginning)?;
    Ok(String::from_utf8_lossy(&beginning[..length]).into_owned())
}
