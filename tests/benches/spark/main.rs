//! What an application of Spark costs, beside Spark's own `spark-submit --deploy-mode cluster` on the same API
//! server: times, ratios and counts, printed and not judged.
//!
//! ```sh
//! tests/cluster/up && tests/cluster/install --values tests/in_cluster/values.yaml && tests/cluster/spark-image
//! tests/cluster/enter cargo bench -p proffer-tests --bench spark
//! ```

// A program for who works on Proffer: it ends with what went wrong.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss)]

#[path = "../cluster/measure.rs"]
#[allow(dead_code)]
mod measure;
#[path = "../cluster/objects.rs"]
#[allow(dead_code)]
mod objects;
mod pods;
mod submit;

use std::time::{Duration, Instant};

use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use measure::{Operator, quantile};
use pods::{Seen, Step};

/// Where everything is made.
const NAMESPACE: &str = "proffer-bench-spark";

/// How often an application is submitted each way.
const SUBMISSIONS: usize = 5;

#[tokio::main]
async fn main() {
    let client = Client::try_default().await.expect("a cluster: run it by tests/cluster/enter");
    objects::make_namespace(&client, NAMESPACE).await;
    submit::make_account(NAMESPACE);
    let operator = Operator::find(&client).await;
    let seen = pods::watch(&client, NAMESPACE).await;
    submissions(&client, &operator, &seen).await;
    end_to_end(&client, &seen).await;
    objects::delete_namespace(&client, NAMESPACE).await;
}

/// From the order to the driver's pod. Nothing runs in it: the image has no Spark.
async fn submissions(client: &Client, operator: &Operator, seen: &Seen) {
    let (mut ours, mut stock) = (Vec::new(), Vec::new());
    let mut costs = Vec::new();
    let before = operator.cpu();
    for number in 0..SUBMISSIONS {
        let start = Instant::now();
        let name = format!("ours-{number}");
        make(client, &name, "busybox:1.37", 0).await;
        seen.first("driver", &name, Step::Seen).await;
        ours.push(start.elapsed());
    }
    clear(client).await;
    let cpu = operator.cpu().saturating_sub(before) / u32::try_from(SUBMISSIONS).unwrap();
    for number in 0..SUBMISSIONS {
        let name = format!("stock-{number}");
        let start = Instant::now();
        let submit = submit::start(NAMESPACE, &name, "busybox:1.37", 0);
        seen.first("driver", &name, Step::Seen).await;
        stock.push(start.elapsed());
        costs.push(submit.wait());
    }
    clear(client).await;
    let cpus = costs.iter().map(|cost| cost.cpu).sum::<Duration>();
    let stock_cpu = cpus / u32::try_from(SUBMISSIONS).unwrap();
    let memory = costs.iter().map(|cost| cost.memory).max().unwrap_or(0);
    println!("\nOrdered -> the driver's pod is seen, {SUBMISSIONS} times, one at a time");
    print_times("SparkJob", &mut ours);
    print_times("spark-submit", &mut stock);
    let medians = (quantile(&ours, 0.5).as_secs_f64(), quantile(&stock, 0.5).as_secs_f64());
    println!("  ratio of medians: {:.4}", medians.0 / medians.1);
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let (ours, stock) = (milliseconds(cpu), milliseconds(stock_cpu));
    println!(
        "  cpu of one: operator {ours:.0} ms (with the end of the job), spark-submit {stock:.0} ms, ratio {:.4}",
        ours / stock
    );
    println!(
        "  memory: operator {} MiB for all jobs, spark-submit {} MiB for each",
        operator.memory().0 >> 20,
        memory >> 20
    );
}

/// `SparkPi` with two executors, by phase.
async fn end_to_end(client: &Client, seen: &Seen) {
    for (name, is_ours) in [("pi-ours", true), ("pi-stock", false)] {
        let image = "localhost/proffer-spark:4.3.0";
        let start = Instant::now();
        let submit = if is_ours {
            make(client, name, image, 2).await;
            None
        } else {
            Some(submit::start(NAMESPACE, name, image, 2))
        };
        seen.first("driver", name, Step::Ended).await;
        println!(
            "\nPi with two executors by {}",
            if is_ours { "a SparkJob" } else { "spark-submit" }
        );
        let mut last = start;
        let phases = [
            ("ordered -> driver seen", "driver", Step::Seen),
            ("driver bound", "driver", Step::Bound),
            ("driver runs", "driver", Step::Runs),
            ("first executor seen", "executor", Step::Seen),
            ("first executor bound", "executor", Step::Bound),
            ("first executor runs", "executor", Step::Runs),
            ("driver ended", "driver", Step::Ended),
        ];
        for (what, role, step) in phases {
            let at = seen.first(role, name, step).await;
            println!("  {what:24} {:7.0} ms", (at - last).as_secs_f64() * 1000.0);
            last = at;
        }
        println!("  {:24} {:7.0} ms", "in all", (last - start).as_secs_f64() * 1000.0);
        let mut bound = seen.between("executor", name, Step::Seen, Step::Bound);
        print_times("  executor's pod seen -> bound", &mut bound);
        drop(submit);
        clear(client).await;
    }
}

fn jobs(client: &Client) -> Api<DynamicObject> {
    let kind = ApiResource {
        group: "proffer.dev".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "proffer.dev/v1alpha1".to_owned(),
        kind: "SparkJob".to_owned(),
        plural: "sparkjobs".to_owned(),
    };
    Api::namespaced_with(client.clone(), NAMESPACE, &kind)
}

async fn make(client: &Client, name: &str, image: &str, executors: usize) {
    let job: Value = json!({
        "apiVersion": "proffer.dev/v1alpha1", "kind": "SparkJob", "metadata": {"name": name},
        "spec": {"spark": {
            "sparkVersion": "4.3.0", "image": image,
            "mainApplicationFile": submit::PROGRAM, "arguments": ["4"],
            "driver": {"coreRequest": "250m", "memory": "512m"},
            "executor": {"instances": executors, "coreRequest": "250m", "memory": "512m"},
        }},
    });
    let job = serde_json::from_value(job).unwrap();
    jobs(client).create(&PostParams::default(), &job).await.unwrap();
}

/// Deletes all jobs and pods, and waits until they are gone.
async fn clear(client: &Client) {
    let all = ListParams::default();
    let now = DeleteParams::background().grace_period(0);
    let _ = jobs(client).delete_collection(&DeleteParams::background(), &all).await.unwrap();
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let _ = pods.delete_collection(&now, &all).await.unwrap();
    while !pods.list_metadata(&all).await.unwrap().items.is_empty()
        || !jobs(client).list_metadata(&all).await.unwrap().items.is_empty()
    {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn print_times(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let milliseconds = |part: f64| quantile(times, part).as_secs_f64() * 1000.0;
    println!("  {what:12} median {:7.1} ms, most {:7.1} ms", milliseconds(0.5), milliseconds(1.0));
}
