//! What a job costs on a real control plane: times, rates and ratios, printed and not judged.
//!
//! ```sh
//! tests/cluster/up --fake-nodes 1000
//! tests/cluster/install
//! tests/cluster/enter cargo bench -p proffer-tests --bench cluster   # -- --quick for a tenth of it
//! tests/cluster/enter cargo bench -p proffer-tests --bench cluster -- reports memory   # two parts of it
//! tests/cluster/up --fake-nodes 0
//! ```
//!
//! Nodes are fake, and this program plays the executors: their pods run nothing, and their reports are
//! written by it. Everything runs on this machine, the control plane, the operator and this program: an
//! operator with the short leases of the tests loses them here.

// A program for who works on Proffer: it ends with what went wrong.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss)]

mod measure;
mod objects;

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use measure::{Operator, etcd_bytes, quantile};
use objects::{Seen, executors, job, jobs, plain_pod, watch_pods};

/// Where everything is made.
const NAMESPACE: &str = "proffer-bench";

struct Bench {
    client: Client,
    operator: Operator,
    seen: Seen,
    scale: usize,
}

#[tokio::main]
async fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_chosen = |part: &str| chosen.is_empty() || chosen.iter().any(|it| it == part);
    let client = Client::try_default().await.expect("a cluster: run it by tests/cluster/enter");
    objects::make_namespace(&client, NAMESPACE).await;
    let bench = Bench {
        seen: watch_pods(&client, NAMESPACE).await,
        operator: Operator::find(&client).await,
        client,
        scale: if is_quick { 10 } else { 1 },
    };
    let nodes = objects::fake_nodes(&bench.client).await;
    println!("{nodes} fake nodes, {} processors", std::thread::available_parallelism().unwrap());
    if is_chosen("single") {
        bench.one_after_another().await;
    }
    if is_chosen("many") {
        bench.all_at_once().await;
    }
    if is_chosen("binding") {
        bench.binding().await;
    }
    if is_chosen("reports") {
        bench.reports().await;
    }
    if is_chosen("memory") {
        bench.memory(nodes).await;
    }
    objects::delete_namespace(&bench.client, NAMESPACE).await;
}

impl Bench {
    /// How long it takes from a job to its executors' pods, when there is one job at a time.
    async fn one_after_another(&self) {
        let count = 100 / self.scale;
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for number in 0..count {
            ours.push(self.job(&format!("single-{number}"), 4).await);
            plain.push(self.pod(&format!("alone-{number}")).await);
        }
        println!(
            "\nSparkJob created -> its 4 executors' pods seen, one job at a time, {count} times"
        );
        print_times("job", &mut ours);
        print_times("a plain pod", &mut plain);
        println!("  ratio of medians: {:.1}", ratio(&ours, &plain));
        self.clear().await;
    }

    /// The same with many jobs at once, and what the operator needs for each.
    async fn all_at_once(&self) {
        let count = 200 / self.scale;
        let before = self.operator.cpu();
        let start = Instant::now();
        let all = stream::iter(0..count)
            .map(|number| async move { self.job(&format!("many-{number}"), 4).await });
        let mut times: Vec<Duration> = all.buffer_unordered(count).collect().await;
        let took = start.elapsed();
        println!("\nSparkJob created -> its 4 executors' pods seen, {count} jobs at once");
        print_times("job", &mut times);
        println!("  all of them in {:.1} s", took.as_secs_f64());
        let cpu = self.operator.cpu().saturating_sub(before);
        println!(
            "  operator: {:.1} ms of cpu a job until then",
            cpu.as_secs_f64() * 1000.0 / count as f64
        );
        self.clear().await;
        let cpu = self.operator.cpu().saturating_sub(before);
        println!(
            "  operator: {:.1} ms of cpu a job with its deletion",
            cpu.as_secs_f64() * 1000.0 / count as f64
        );
    }

    /// How many executors are bound a second, beside what the default scheduler does alone.
    async fn binding(&self) {
        let count = 1000 / self.scale;
        let start = Instant::now();
        jobs(&self.client, NAMESPACE)
            .create(&PostParams::default(), &job("wide", count))
            .await
            .unwrap();
        self.seen.until_bound("wide", count).await;
        let ours = count as f64 / start.elapsed().as_secs_f64();
        self.clear().await;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let start = Instant::now();
        let all = stream::iter(0..count).map(|number| {
            let api = api.clone();
            async move {
                let pod = plain_pod(&format!("free-{number}"), "free", None);
                api.create(&PostParams::default(), &pod).await.unwrap();
            }
        });
        all.buffer_unordered(32).collect::<Vec<()>>().await;
        self.seen.until_bound("free", count).await;
        let plain = count as f64 / start.elapsed().as_secs_f64();
        println!("\nPods created and bound a second, {count} of them");
        println!("  executors of one job            {ours:7.0}");
        println!("  plain pods, default scheduler   {plain:7.0}");
        println!("  ratio {:.2}", ours / plain);
        self.clear().await;
    }

    /// What the reports of many executors cost.
    async fn reports(&self) {
        let count = 1000 / self.scale;
        let lasts = Duration::from_secs(300 / self.scale as u64);
        jobs(&self.client, NAMESPACE)
            .create(&PostParams::default(), &job("loud", count))
            .await
            .unwrap();
        self.seen.until_bound("loud", count).await;
        let api = executors(&self.client, NAMESPACE);
        let names: Vec<(String, i64)> = loop {
            let list = api.list(&ListParams::default()).await.unwrap();
            if list.items.len() == count {
                let of = |it: &kube::api::DynamicObject| {
                    it.data["spec"]["reportIntervalMilliseconds"].as_i64().unwrap_or(1000)
                };
                break list.items.iter().map(|it| (it.name_any(), of(it))).collect();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let interval = names.iter().map(|(_, interval)| *interval).max().unwrap_or(1000);
        let interval = Duration::from_millis(interval.unsigned_abs().max(1));
        let (start, cpu, bytes) = (Instant::now(), self.operator.cpu(), etcd_bytes());
        let mut writes = 0_usize;
        for report in 1.. {
            let round = Instant::now();
            let all = stream::iter(&names).map(|(name, _)| {
                let api = api.clone();
                async move {
                    let status = json!({"status": {
                        "protocolVersion": 1, "observedGeneration": 1, "report": report, "ready": true,
                        "running": [{"stage": "s", "attempt": 0, "ranges": "0"}],
                    }});
                    let patch = Patch::Merge(status);
                    api.patch_status(name, &PatchParams::default(), &patch).await.map(|_| ())
                }
            });
            let done: Vec<_> = all.buffer_unordered(64).collect().await;
            writes += done.iter().filter(|done| done.is_ok()).count();
            if start.elapsed() >= lasts {
                break;
            }
            tokio::time::sleep(interval.saturating_sub(round.elapsed())).await;
        }
        let took = start.elapsed().as_secs_f64();
        let cpu = self.operator.cpu().saturating_sub(cpu);
        println!(
            "\nReports of {count} executors, each every {:.0} s, for {took:.0} s",
            interval.as_secs_f64()
        );
        println!("  {writes} writes, {:.0} a second", writes as f64 / took);
        println!("  operator: {:.1} % of a processor", cpu.as_secs_f64() / took * 100.0);
        if let (Some(before), Some(after)) = (bytes, etcd_bytes()) {
            let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            println!(
                "  etcd's file: {:.0} MiB before, {:.0} MiB after, {:.1} KiB a write",
                mebibytes(before),
                mebibytes(after),
                mebibytes(after.saturating_sub(before)) * 1024.0 / writes.max(1) as f64
            );
        }
        self.clear().await;
    }

    /// What the operator keeps of nodes and pods.
    async fn memory(&self, nodes: usize) {
        let count = 10_000 / self.scale;
        let before = self.operator.memory();
        let api: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let all = stream::iter(0..count).map(|number| {
            let api = api.clone();
            async move {
                let node = format!("fake-{}", number % nodes.max(1));
                let pod = plain_pod(&format!("idle-{number}"), "idle", Some(&node));
                api.create(&PostParams::default(), &pod).await.unwrap();
            }
        });
        all.buffer_unordered(64).collect::<Vec<()>>().await;
        self.seen.until_bound("idle", count).await;
        // What it has heard of by now it has taken in when it answers to something later.
        self.job("last", 1).await;
        let (resident, most) = self.operator.memory();
        println!("\nMemory of the operator with {nodes} nodes");
        println!("  before {} MiB, most so far {} MiB", before.0 >> 20, before.1 >> 20);
        println!("  and {count} pods: {} MiB, most so far {} MiB", resident >> 20, most >> 20);
        self.clear().await;
    }

    /// From a job to its pods.
    async fn job(&self, name: &str, instances: usize) -> Duration {
        let start = Instant::now();
        let job = job(name, instances);
        jobs(&self.client, NAMESPACE).create(&PostParams::default(), &job).await.unwrap();
        self.seen.until_made(name, instances).await;
        start.elapsed()
    }

    /// From a pod to its pod: what the API server and the watch take of that.
    async fn pod(&self, name: &str) -> Duration {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let start = Instant::now();
        api.create(&PostParams::default(), &plain_pod(name, name, None)).await.unwrap();
        self.seen.until_made(name, 1).await;
        start.elapsed()
    }

    /// Deletes all jobs and pods, and waits until they are gone.
    async fn clear(&self) {
        let (api, all) = (jobs(&self.client, NAMESPACE), ListParams::default());
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let objects = executors(&self.client, NAMESPACE);
        // The server gives up on a request that deletes thousands, and has deleted some.
        loop {
            let _ = api.delete_collection(&DeleteParams::background(), &all).await;
            let _ = pods.delete_collection(&DeleteParams::default().grace_period(0), &all).await;
            let one = all.clone().limit(1);
            let objects = objects.list_metadata(&one).await.map(|list| list.items.is_empty());
            let pods = pods.list_metadata(&one).await.map(|list| list.items.is_empty());
            if objects.unwrap_or(false) && pods.unwrap_or(false) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.seen.forget();
    }
}

fn print_times(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let milliseconds = |part: f64| quantile(times, part).as_secs_f64() * 1000.0;
    println!("  {what:12} median {:7.1} ms, p99 {:7.1} ms", milliseconds(0.5), milliseconds(0.99));
}

fn ratio(ours: &[Duration], plain: &[Duration]) -> f64 {
    quantile(ours, 0.5).as_secs_f64() / quantile(plain, 0.5).as_secs_f64()
}
