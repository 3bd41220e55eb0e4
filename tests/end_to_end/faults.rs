//! Killing things.

use std::time::{SystemTime, UNIX_EPOCH};

use proffer_test_harness::{Test, tests};
use rustix::process::Signal;

use crate::files::{numbered_lines, parts};
use crate::run::{Folder, marked, send, unique_marker, until};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        executors_killed_at_random_moments_lose_and_double_nothing,
        killing_proffer_leaves_no_process_behind,
        killing_an_executor_leaves_no_process_behind,
        ctrl_c_lets_tasks_end_within_their_grace_period,
        a_second_ctrl_c_kills_at_once,
        a_task_that_eats_its_memory_is_killed_and_named,
        a_task_that_stops_its_executor_does_not_outlive_its_job,
    ]
}

/// A small generator of numbers whose seed is printed (splitmix64, Steele et al. 2014).
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = std::env::var("PROFFER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(now.as_secs() ^ u64::from(now.subsec_nanos()));
        eprintln!("PROFFER_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn executors_killed_at_random_moments_lose_and_double_nothing() {
    let folder = Folder::new();
    folder.write("in/a.txt", numbered_lines(3000));
    folder.job(&format!(
        r"
workURI: file://{}
maxTaskFailures: 1000
maxExecutorFailures: 1000
executor: {{instances: 3, memory: 64Mi}}
stages:
  - name: out
    partitions: 60
    command: [sh, -c, 'while read -r line; do echo $line; done; sleep 0.05']
    input: {{uri: in/a.txt}}
    output: {{}}
",
        folder.path().display()
    ));
    let mut random = Random::new();
    let mut running = folder.start(&["local", "--nodes", "3x1cpu,1Gi", "-o", "json", "job.yaml"]);
    running.wait_for(&["j/out: started"]);
    let mut kills = 0;
    while kills < 25 && running.is_running() {
        let executors = running.executors();
        if !executors.is_empty() {
            let pick = usize::try_from(random.below(executors.len() as u64)).unwrap();
            send(executors[pick], Signal::KILL);
            kills += 1;
        }
        // Not to wait for something, but to hit another moment each time.
        std::thread::sleep(std::time::Duration::from_millis(random.below(80)));
    }
    let ended = running.wait().expect_code(0);
    assert_eq!(parts(&folder, "out"), numbered_lines(3000));
    assert!(folder.path().join("out/_SUCCESS").exists());
    assert!(ended.status()["executors"]["failed"].as_i64().unwrap() > 0, "nothing was hit");
    let left = std::fs::read_dir(folder.path().join("out/_proffer/attempts"));
    assert_eq!(left.map_or(0, Iterator::count), 0, "nothing is left aside");
}

/// A job whose task starts a process in a session of its own, out of its process group.
fn detaching_job(folder: &Folder, marker: &str) {
    folder.job(&format!(
        "executor: {{terminationGracePeriodSeconds: 1}}\nstages: [{{name: s, command: [sh, -c, \
         'setsid sleep {marker} & setsid setsid sleep {marker} & echo up; sleep {marker}']}}]"
    ));
}

fn killing_proffer_leaves_no_process_behind() {
    let (folder, marker) = (Folder::new(), unique_marker());
    detaching_job(&folder, &marker);
    let mut running = folder.start(&["local", "job.yaml"]);
    running.wait_for(&["j/s/0: up"]);
    until("three processes of the task", || marked(&marker).len() == 3);
    running.signal(Signal::KILL);
    until("no process left", || marked(&marker).is_empty());
    assert_eq!(running.wait().code, None);
}

fn killing_an_executor_leaves_no_process_behind() {
    let (folder, marker) = (Folder::new(), unique_marker());
    detaching_job(&folder, &marker);
    let mut running = folder.start(&["local", "job.yaml"]);
    running.wait_for(&["j/s/0: up"]);
    until("three processes of the task", || marked(&marker).len() == 3);
    let before = marked(&marker);
    send(running.executors()[0], Signal::KILL);
    until("the task's processes are gone", || {
        !marked(&marker).iter().any(|id| before.contains(id))
    });
    running.wait_for(&["its executor ended by itself", "j/s/0: up"]);
    running.signal(Signal::TERM);
    running.wait().expect_code(143);
    assert!(marked(&marker).is_empty());
}

fn ctrl_c_lets_tasks_end_within_their_grace_period() {
    let folder = Folder::new();
    folder.job("stages: [{name: s, command: [sh, -c, 'trap \"echo cleaned > cleaned.txt; exit\" TERM; echo up; while :; do sleep 0.01; done']}]");
    let mut running = folder.start(&["local", "-o", "json", "job.yaml"]);
    running.wait_for(&["j/s/0: up"]);
    running.signal(Signal::INT);
    let ended = running.wait().expect_code(130);
    assert_eq!(folder.read("cleaned.txt"), "cleaned\n");
    assert_eq!(ended.status()["tasks"], "0/1");
}

fn a_second_ctrl_c_kills_at_once() {
    let (folder, marker) = (Folder::new(), unique_marker());
    folder.job(&format!(
        "executor: {{terminationGracePeriodSeconds: 3600}}\nstages: [{{name: s, command: [sh, -c, \
         'trap \"\" TERM; echo up; while :; do sleep {marker}; done']}}]"
    ));
    let mut running = folder.start(&["local", "job.yaml"]);
    running.wait_for(&["j/s/0: up"]);
    running.signal(Signal::INT);
    running.wait_for(&["once more to kill at once"]);
    running.signal(Signal::INT);
    running.wait().expect_code(130);
    assert!(marked(&marker).is_empty());
}

fn a_task_that_eats_its_memory_is_killed_and_named() {
    let folder = Folder::new();
    // `tail` keeps all it reads, as it waits for the last lines of something without lines.
    folder.job(
        r"
maxTaskFailures: 1
executor: {cores: 2, memory: 100Mi}
stages:
  - name: s
    tasks:
      - {name: modest, command: [sleep, '1000']}
      - {name: hungry, command: [tail, /dev/zero]}
",
    );
    let ended = folder.run_job().expect_code(1);
    let failure = &ended.status()["failures"][0];
    assert_eq!((&failure["task"], &failure["reason"]), (&"hungry".into(), &"OOMKilled".into()));
    assert!(failure["message"].as_str().unwrap().contains("100Mi"), "{failure}");
}

fn a_task_that_stops_its_executor_does_not_outlive_its_job() {
    let folder = Folder::new();
    let marker = unique_marker();
    folder.job(&format!(
        "deadlineSeconds: 1\nexecutor: {{memory: 64Mi, terminationGracePeriodSeconds: 1}}\n\
         stages: [{{name: s, command: [sh, -c, 'kill -STOP $PPID; exec sleep {marker}']}}]"
    ));
    folder.run(&["local", "--nodes", "1x1cpu,1Gi", "job.yaml"]).expect_code(1);
    assert!(marked(&marker).is_empty());
}
