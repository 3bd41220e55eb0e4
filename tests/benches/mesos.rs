//! What a Mesos framework gets done in a second: `cargo bench -p proffer-tests --bench mesos`.
//!
//! The real program serves over HTTP and runs tasks that end at once. What is counted takes as long as
//! it takes; nothing is asserted.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code)]
#[path = "../mesos/framework.rs"]
mod framework;
#[allow(dead_code)]
#[path = "../mesos/http.rs"]
mod http;
#[allow(dead_code)]
#[path = "../end_to_end/run.rs"]
mod run;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use proffer_mesos::types::TaskState;
use serde_json::json;

use framework::{Framework, amount, resources, state, task};
use run::{Folder, Running};

/// Tasks in one ACCEPT.
const TASKS_AT_ONCE: usize = 20;

/// Tasks in all.
const TASKS: usize = 2000;

/// Frameworks and nodes.
const FRAMEWORKS: usize = 100;
const NODES: &str = "100x4cpu,16Gi";

/// How often something is freed.
const FREED: usize = 50;

fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

pub(crate) struct Master {
    _running: Running,
    pub(crate) address: String,
    _folder: Folder,
}

impl Master {
    fn start(nodes: &str) -> Self {
        let folder = Folder::new();
        let arguments =
            ["local", "--mesos", "127.0.0.1:0", "--without-processes", "--nodes", nodes];
        let mut running = folder.start(&arguments);
        let address = running.wait_for_value("Mesos frameworks are served at http://");
        Self { _running: running, address, _folder: folder }
    }
}

fn main() {
    launches();
    offers();
    freed();
}

fn each_second(count: usize, time: Duration) -> f64 {
    #[allow(clippy::cast_precision_loss)] // A few thousands.
    let count = count as f64;
    count / time.as_secs_f64()
}

/// Tasks of one framework, each with its updates acknowledged.
fn launches() {
    let master = Master::start("1x1000cpu,1000Gi");
    let mut framework = Framework::subscribe(&master, &json!({}));
    let (mut started, mut ended, mut updates) = (0, 0, 0);
    let begin = Instant::now();
    while ended < TASKS {
        if started < TASKS && started - ended < 10 * TASKS_AT_ONCE {
            let offer = framework.offer();
            let tasks: Vec<_> = (started..started + TASKS_AT_ONCE)
                .map(|number| {
                    let mut one = task(&format!("t{number}"), &offer, "true");
                    one["resources"] = resources(0.01, 1.0);
                    one
                })
                .collect();
            framework.launch(&[&offer], &tasks);
            framework.accepted(json!({ "type": "REVIVE" }));
            started += TASKS_AT_ONCE;
        }
        let status = framework.next_update();
        updates += 1;
        framework.acknowledge(&status);
        ended += usize::from(state(&status) == TaskState::Finished);
    }
    let time = begin.elapsed();
    println!(
        "one framework: {:.0} launches and {:.0} updates acknowledged each second",
        each_second(ended, time),
        each_second(updates, time)
    );
}

/// Offers to many frameworks, which decline all of them.
fn offers() {
    let master = Master::start(NODES);
    let mut frameworks: Vec<Framework> =
        (0..FRAMEWORKS).map(|_| Framework::subscribe(&master, &json!({}))).collect();
    let begin = Instant::now();
    let mut count = 0;
    for framework in &mut frameworks {
        let offers = framework.offers();
        count += offers.len();
        framework.decline(&offers, 3600.0);
    }
    let time = begin.elapsed();
    println!(
        "{FRAMEWORKS} frameworks, {NODES}: {count} offers told and declined in {time:.1?}, \
         {:.0} each second",
        each_second(count, time)
    );
}

/// How long it takes until what one framework gives back is offered to another.
fn freed() {
    let master = Master::start("4cpu,16Gi");
    let mut first = Framework::subscribe(&master, &json!({}));
    let mut second = Framework::subscribe(&master, &json!({}));
    let mut times = Vec::new();
    let mut offers = first.offers();
    for _ in 0..FREED / 2 {
        for (from, to) in [(0, 1), (1, 0)] {
            let (from, to) = match (from, to) {
                (0, _) => (&first, &mut second),
                _ => (&second, &mut first),
            };
            let begin = Instant::now();
            from.decline(&offers, 0.0);
            to.accepted(json!({ "type": "REVIVE" }));
            offers = to.offers();
            times.push(begin.elapsed());
            assert!(amount(&offers[0], "cpus") > 0.0);
        }
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!("freed by one framework and offered to another: {median:.1?} (median of {FREED})");
}
