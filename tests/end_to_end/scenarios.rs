//! The scenarios of the allocator, run by the real program.

use std::collections::BTreeMap;
use std::path::Path;

use proffer_test_harness::{Test, tests};

use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![each_scenario_comes_out_as_listed, the_exit_code_tells_what_came_of_the_files]
}

/// Scenarios that hold. A file may come here from below, and none may go.
const HOLD: &[&str] = &[
    "allocatable",
    "constraints",
    "demand-capped",
    "disconnect",
    "drf-paper",
    "drf-ties",
    "drf-with-quota",
    "excluded-resource-drf",
    "fragments",
    "framework-minimum",
    "guarantee-inside-guarantee",
    "guarantee-then-weight",
    "hdrf-blocked-sibling",
    "hdrf-rescaling",
    "hdrf-saturated-sibling",
    "hdrf-weighted-siblings",
    "idle-guarantee-inside",
    "idle-guarantee-under-limits",
    "latecomer",
    "lent-guarantee",
    "limits-over-subtrees",
    "multi-role-shares",
    "nested-role-drf",
    "offer-filter",
    "own-jobs-beside-children",
    "priorities-in-a-pool",
    "quota-absent-framework",
    "quota-granularity",
    "quota-guarantee",
    "quota-headroom-reservations",
    "quota-limit",
    "quota-multiple-roles",
    "quota-set-aside-reserved",
    "quota-subtree-limit",
    "reservations",
    "reserved-drf",
    "resources-unused",
    "same-share",
    "reclaim-in-a-tree",
    "reclaim-large-job",
    "reclaim-no-more-than-asked",
    "reclaim-three-queues",
    "reclaim-to-the-share",
    "reclaim-two-queues",
    "reclaim-two-workloads",
    "reservations",
    "reservations-in-a-tree",
    "reserved-for-a-role",
    "selectors-and-taints",
    "sorter-drf",
    "sorter-weighted-drf",
    "starvation",
    "suppress-one-role",
    "suppress-revive",
    "three-shapes",
    "unreserved-drf",
    "update-weight",
    "weight-zero",
    "weighted-shapes",
];

/// Scenarios that come out otherwise than they should.
const FAIL: &[&str] = &[];

/// Scenarios that need what the engine does not have yet.
const NOT_YET: &[&str] = &[];

/// A scenario of one node with 4 cpus and a job that can use 5.
fn scenario(expected: u32) -> String {
    format!(
        "kind: fill\nname: a small one\nnodes: [{{name: n, cpus: 4}}]\npools: [{{name: a}}]\n\
         jobs:\n  - {{name: A, pool: a, executor: {{cpus: 1}}, executors: 5}}\nexpect: {{A: {expected}}}\n"
    )
}

fn each_scenario_comes_out_as_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "yaml"))
        .map(|file| file.to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let arguments: Vec<&str> =
        ["simulate"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let ended = Folder::new().run(&arguments).expect_code(0);
    let listed: BTreeMap<&str, &str> = [("ok", HOLD), ("FAILED", FAIL), ("not yet", NOT_YET)]
        .iter()
        .flat_map(|(word, names)| names.iter().map(move |name| (*name, *word)))
        .collect();
    let found: BTreeMap<&str, &str> = ended
        .stdout
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| {
            let (word, rest) = line.split_once("  ").unwrap();
            let file = rest.rsplit_once('(').unwrap().1.trim_end_matches(".yaml)");
            (file.rsplit_once('/').unwrap().1, word)
        })
        .collect();
    assert_eq!(found, listed, "{}", ended.stdout);
    assert_eq!(found.len(), files.len());
}

fn the_exit_code_tells_what_came_of_the_files() {
    let folder = Folder::new();
    folder.write("good.yaml", scenario(4));
    folder.write("bad.yaml", scenario(5));
    folder.write("broken.yaml", scenario(4).replace("cpus: 4", "cpu: 4"));
    let good = folder.run(&["simulate", "good.yaml"]).expect_code(0);
    assert_eq!(good.stdout, "ok  a small one (good.yaml)\n");
    let bad = folder.run(&["simulate", "bad.yaml", "good.yaml"]).expect_code(1);
    let expected = "FAILED  a small one (bad.yaml)\n  jobs, line 5: job A holds 4 executors, expected \
                    5; it runs on 4 of 5 executors: no node has 1 cpu free; largest 0. All hold: A 4\n\
                    ok  a small one (good.yaml)\n";
    assert_eq!(bad.stdout, expected);
    let broken = folder.run(&["simulate", "good.yaml", "broken.yaml", "none.yaml"]).expect_code(2);
    assert_eq!(broken.stdout, "");
    let expected = "broken.yaml:3: nodes[0].cpu: there is no such field; did you mean cpus? The \
                    fields are: name, labels, taints, cpus, mem, disk, gpus, ports\nnone.yaml: \
                    cannot be read: there is no such file\n";
    assert_eq!(broken.stderr, expected);
    let piped = folder.run_with_input(&["simulate", "-"], &scenario(4)).expect_code(0);
    assert_eq!(piped.stdout, "ok  a small one (standard input)\n");
    folder.run(&["simulate", "good.yaml", "--trace", "jobs.csv"]).expect_code(2);
}
