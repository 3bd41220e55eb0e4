use std::path::{Path, PathBuf};

use clap::Parser;

use super::order::{OrderChoice, chosen};
use super::report::{OrderReport, Report};
use super::{SimulateArguments, compare, load, table};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    simulate: SimulateArguments,
}

/// A report on the shipped example, in all orders.
pub(super) fn example() -> Report {
    report(&["--nodes", "6x16cpu,64Gi", "--order", "all"])
}

fn report(more: &[&str]) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/simulate");
    let (trace, pools) = (folder.join("jobs.csv"), folder.join("pools.yaml"));
    let files = ["--trace", trace.to_str().unwrap(), "--pools", pools.to_str().unwrap()];
    let arguments = arguments(&[&files, more].concat());
    compare(&load(&arguments).unwrap(), &chosen(&arguments.order)).unwrap()
}

fn arguments(arguments: &[&str]) -> SimulateArguments {
    let program = std::iter::once(&"proffer");
    Arguments::try_parse_from(program.chain(arguments)).unwrap().simulate
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

const TRACE: &str = "\
submit_seconds,pool,name,executors,cpu,memory,tasks,task_seconds
0,a,long,2,1,1Gi,4,10
5,b,short,1,1,1Gi,1,5
";

const POOLS: &str = "\
{apiVersion: proffer.dev/v1alpha1, kind: ResourcePool, metadata: {name: a}, spec: {}}
---
{apiVersion: proffer.dev/v1alpha1, kind: ResourcePool, metadata: {name: b}, spec: {weight: \"0.5\"}}
";

const BY_HAND: &str = "\
2 jobs with 5 tasks on 1 node with 2 cpu and 4Gi of memory

ORDER  MAKESPAN  CPU HELD  MEMORY HELD
hdrf      27.0s     88.9%        44.4%

Waiting: from the submission to the first executor. Completion: from the submission to the end.
ORDER  POOL   WEIGHT  JOBS  WAITING MEAN  MEDIAN    P95    MAX  COMPLETION MEAN  DOMINANT SHARE
hdrf   a           1     1          0.0s    0.0s   0.0s   0.0s            21.0s           77.8%
hdrf   b         0.5     1         16.0s   16.0s  16.0s  16.0s            22.0s           11.1%
hdrf   (all)             2          8.0s    0.0s  16.0s  16.0s            21.5s

Dominant shares over time by hdrf, hierarchical dominant resource fairness:
 FROM       a      b  CPU HELD  MEMORY HELD
 0.0s  100.0%   0.0%    100.0%        50.0%
 2.3s  100.0%   0.0%    100.0%        50.0%
 4.5s  100.0%   0.0%    100.0%        50.0%
 6.8s  100.0%   0.0%    100.0%        50.0%
 9.0s  100.0%   0.0%    100.0%        50.0%
11.3s  100.0%   0.0%    100.0%        50.0%
13.5s  100.0%   0.0%    100.0%        50.0%
15.8s  100.0%   0.0%    100.0%        50.0%
18.0s  100.0%   0.0%    100.0%        50.0%
20.3s   33.3%  33.3%     66.7%        33.3%
22.5s    0.0%  50.0%     50.0%        25.0%
24.8s    0.0%  50.0%     50.0%        25.0%
";

/// Two executors of the first job run its tasks from 1 to 21 s; the second job waits for one of them
/// from 5 to 21 s and ends at 27 s.
#[test]
fn two_jobs_are_what_one_computes_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let trace = write(folder.path(), "jobs.csv", TRACE);
    let pools = write(folder.path(), "pools.yaml", POOLS);
    let files = ["--trace", trace.to_str().unwrap(), "--pools", pools.to_str().unwrap()];
    let scene = load(&arguments(&[&files[..], &["--nodes", "2cpu,4Gi"]].concat())).unwrap();
    let report = compare(&scene, &chosen(&[OrderChoice::Hdrf])).unwrap();
    assert_eq!(table::render(&report), BY_HAND);
    let json = serde_json::to_value(&report).unwrap();
    let order = &json["orders"][0];
    assert_eq!(order["makespanSeconds"], 27.0);
    assert_eq!(order["cpuUtilization"], 0.8889);
    assert_eq!(order["pools"][1]["waitingSeconds"]["mean"], 16.0);
    assert_eq!(order["pools"][1]["weight"], 0.5);
    assert_eq!(order["intervals"][0]["dominantShares"], serde_json::json!([1.0, 0.0]));
}

#[test]
fn the_shipped_example_is_worth_showing() {
    let report = example();
    insta::assert_snapshot!(table::render(&report));
    let order = |name: &str| report.orders.iter().find(|order| order.order.name() == name).unwrap();
    let (hdrf, drf, fcfs) = (order("hdrf"), order("drf"), order("fcfs"));
    let waited = |order: &OrderReport, pool: usize| order.pools[pool].jobs.waiting.mean;
    // By pool: analytics, data.etl, data.research. Who wants little waits much less when shares are
    // fair, at no loss for the whole.
    for pool in [0, 1, 2] {
        assert!(waited(hdrf, pool) < waited(fcfs, pool));
    }
    assert!(waited(hdrf, 0).span() * 3 < waited(fcfs, 0).span());
    assert!(hdrf.makespan.span() * 100 < fcfs.makespan.span() * 105);
    // Siblings with different dominant resources do not pay for each other.
    assert!(waited(hdrf, 2) < waited(drf, 2));
}

#[test]
fn the_same_simulation_says_the_same() {
    assert_eq!(table::render(&example()), table::render(&example()));
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let job = "{apiVersion: proffer.dev/v1alpha1, kind: SparkJob, metadata: {name: j}, spec: \
               {executor: {cores: 1, memory: 1Gi}, stages: [{name: s, partitions: 1, command: [x]}]}}";
    let trace = write(folder.path(), "jobs.csv", TRACE);
    let pools = write(folder.path(), "pools.yaml", &format!("{POOLS}---\n{job}\n"));
    let (trace, pools) = (trace.to_str().unwrap(), pools.to_str().unwrap());
    let errors = [
        (
            vec!["--trace", trace, "--pools", pools],
            format!(
                "{pools}:5: kind: a SparkJob has no place among the pools; the jobs come from the \
                 trace"
            ),
        ),
        (
            vec!["--trace", trace],
            format!(
                "{trace}:2: pool: there is no pool \"a\"; the pools are: default\n{trace}:3: pool: \
                 there is no pool \"b\"; the pools are: default"
            ),
        ),
        (
            vec!["--trace", "/nowhere.csv"],
            "/nowhere.csv: cannot be read: there is no such file".to_owned(),
        ),
    ];
    for (given, expected) in errors {
        assert_eq!(load(&arguments(&given)).unwrap_err(), expected);
    }
}
