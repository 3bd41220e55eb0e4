use super::super::tests::{outcome, problems};

/// A node of 10 cpus, the pools a, and b with a child c.
const CLUSTER: &str = "\
kind: fill
name: x
nodes: [{name: n, cpus: 10, mem: 1024, disk: 100, gpus: 2}]
pools: [{name: a}, {name: b}, {name: c, parent: b}]
";

fn run(rest: &str) -> String {
    outcome(&format!("{CLUSTER}{rest}"))
}

/// A job of executors with one cpu each.
fn job(name: &str, pool: &str, executors: &str) -> String {
    format!("{{name: {name}, pool: {pool}, executor: {{cpus: 1}}, executors: {executors}}}")
}

#[test]
fn jobs_hold_what_they_can_be_given() {
    let jobs = format!("jobs: [{}, {}]\n", job("A", "a", "inf"), job("C", "b/c", "3"));
    assert_eq!(run(&format!("{jobs}expect: {{A: 7, C: 3}}\nshares: {{a: 0.7, b: 0.3}}")), "ok");
    let expected = "  jobs, line 5: job A holds 7 executors, expected 8; it runs on 7 of 1000000 \
                    executors: no node has 1 cpu free; largest 0. All hold: A 7, C 3";
    assert_eq!(run(&format!("{jobs}expect: {{A: 8}}")), expected);
    let expected = "  jobs, line 5: pool b/c has a share of 0.3, expected 0.300001";
    assert_eq!(run(&format!("{jobs}shares: {{c: 0.300001}}")), expected);
    assert_eq!(run(&format!("{jobs}shares: {{c: 0.3000000009}}")), "ok");
}

#[test]
fn every_kind_of_resource_counts_for_fit() {
    for (executor, count) in [
        ("{cpus: 2.5}", 4),
        ("{mem: 300}", 3),
        ("{mem: 0.5, disk: 25}", 4),
        ("{cpus: 0, gpus: 1}", 2),
        ("{cpus: 1, disk: 101}", 0),
    ] {
        let jobs = format!("[{{name: A, pool: a, executor: {executor}, executors: inf}}]");
        assert_eq!(run(&format!("jobs: {jobs}\nexpect: {{A: {count}}}")), "ok", "{executor}");
    }
}

#[test]
fn executors_that_finish_take_their_work_with_them() {
    let start = format!("jobs: [{}]\nexpect: {{A: 10}}\nthen:\n", job("A", "a", "12"));
    let submit = format!("- submit: [{}]\n  expect: {{A: 10, C: 0}}\n", job("C", "c", "inf"));
    // Work for 12, less the 5 that finished, is 7, of which 5 are held: C has the 5 free ones.
    let finish = "- finish: {A: 5}\n  expect: {A: 5, C: 5}\n  evictions: 0\n";
    // Of the 10, 5 - 3 = 2 are held and 4 are left to do; C's share is larger until A has all 4.
    let again =
        "- finish: {A: 3}\n  expect: {A: 4, C: 6}\n- finish: {A: 4}\n  expect: {A: 0, C: 10}\n";
    assert_eq!(run(&format!("{start}{submit}{finish}{again}")), "ok");
    let too_many = run(&format!("{start}{submit}- finish: {{C: 1}}\n"));
    let expected = "  jobs, line 5: as expected\n  then[0], line 8: as expected\n  then[1], line 10: \
                    job C holds 0 executors, so 1 cannot finish";
    assert_eq!(too_many, expected);
}

#[test]
fn the_order_of_pools_can_be_chosen() {
    let file = "\
kind: fill
name: x
nodes: [{name: n, cpus: 6}]
pools: [{name: a}, {name: b}]
jobs:
- {name: A, pool: a, executor: {cpus: 1}, executors: inf}
- {name: B, pool: b, executor: {cpus: 2}, executors: inf}
";
    assert_eq!(outcome(&format!("{file}expect: {{A: 4, B: 1}}")), "ok");
    let drf = format!("{file}options: {{fairness: drf}}\nexpect: {{A: 2, B: 2}}");
    assert_eq!(outcome(&drf), "ok");
}

#[test]
fn guarantees_limits_and_priorities_reach_the_engine() {
    let file = |pools: &str, priority: i32, expect: &str| {
        outcome(&format!(
            "kind: fill\nname: x\nnodes: [{{name: n, cpus: 10}}]\npools: {pools}\njobs:\n\
             - {{name: A, pool: a, executor: {{cpus: 1}}, executors: inf}}\n\
             - {{name: B, pool: a, executor: {{cpus: 1}}, executors: 3, priority: {priority}}}\n\
             - {{name: C, pool: c, executor: {{cpus: 1}}, executors: inf}}\nexpect: {expect}\n"
        ))
    };
    assert_eq!(file("[{name: a}, {name: c, limit: {cpus: 2}}]", 1, "{A: 5, B: 3, C: 2}"), "ok");
    assert_eq!(file("[{name: a}, {name: c, guarantee: {cpus: 8}}]", 0, "{A: 1, B: 1, C: 8}"), "ok");
    assert_eq!(file("[{name: a, weight: 0.25}, {name: c}]", -1, "{A: 2, B: 0, C: 8}"), "ok");
    // c is above a here, whatever comes first in the file.
    let pools = "[{name: a, parent: c, weight: 4}, {name: c, limit: {cpus: 5}}]";
    assert_eq!(file(pools, 0, "{A: 2, B: 2, C: 1}"), "ok");
}

#[test]
fn executors_are_taken_back_only_where_a_step_says_so() {
    let start = format!("jobs: [{}]\nexpect: {{A: 10}}\nthen:\n", job("A", "a", "inf"));
    let comes = format!("- submit: [{}]\n  expect: {{A: 10, C: 0}}\n", job("C", "c", "3"));
    let taken = "- {reclaim: true, expect: {A: 7, C: 3}, evictions: 3}\n";
    assert_eq!(run(&format!("{start}{comes}{taken}")), "ok");
    let fewer = run(&format!("{start}{comes}- {{reclaim: true, evictions: 2}}"));
    let expected = "  jobs, line 5: as expected\n  then[0], line 8: as expected\n  then[1], line 10: 3 \
                    executors were taken away, expected at most 2";
    assert_eq!(fewer, expected);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn mistakes_are_named_with_their_place() {
    let a = job("A", "a", "1");
    for (rest, expected) in [
        (format!("jobs: [{a}]"), ":1: nothing is expected of this scenario; say what under expect"),
        (
            format!("jobs: [{a}]\nexpect: {{B: 1}}"),
            ":6: expect.B: there is no job \"B\" at this point, only A",
        ),
        (format!("jobs: [{a}, {a}]"), ":5: jobs[1].name: there is a job \"A\" already"),
        (
            format!("jobs: [{a}]\nexpect: {{A: 1.5}}"),
            ":6: expect.A: expected a whole number, found the number 1.5",
        ),
        (
            format!("jobs: [{a}]\nexpect: {{A: -1}}"),
            ":6: expect.A: -1 is too small; the least is 0",
        ),
        (
            format!("jobs: [{a}]\nshares: {{d: 1}}"),
            ":6: shares.d: there is no pool \"d\" at this point, only a, b, c",
        ),
        (
            format!("jobs: [{a}]\nshares: {{a: 1.1}}"),
            ":6: shares.a: 1.1 is too large; the most is 1",
        ),
        (
            format!("jobs: [{}]", job("A", "d", "1")),
            ":5: jobs[0].pool: there is no pool \"d\" at this point",
        ),
        (
            format!("jobs: [{}]", job("A", "a", "many")),
            ":5: jobs[0].executors: expected a whole number, or inf",
        ),
        (
            format!("jobs: [{}]", job("A", "a", "1000001")),
            ":5: jobs[0].executors: 1000001 is too large",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {}, executors: 1}]".to_owned(),
            ":5: jobs[0].executor: an executor that needs nothing",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {cpus: 0.0001}, executors: 1}]".to_owned(),
            ":5: jobs[0].executor.cpus: 0.0001 has more than three decimal places",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {cpus: 1e-7}, executors: 1}]".to_owned(),
            "1e-7 has more than three decimal places",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {cpus: 1e13}, executors: 1}]".to_owned(),
            " is too large; the most is 1000000000000",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {cpus: -1}, executors: 1}]".to_owned(),
            "executor.cpus: -1 is too small",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {mem: 0.001}, executors: 1}]".to_owned(),
            "executor.mem: 0.001 is not a whole number of bytes",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {gpus: 0.5}, executors: 1}]".to_owned(),
            "executor.gpus: 0.5 is not a whole number of devices",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {cpu: 1}, executors: 1}]".to_owned(),
            "executor.cpu: there is no such field; did you mean cpus?",
        ),
        (
            "jobs: [{name: A, pool: a, executor: {ports: 1-2}, executors: 1}]".to_owned(),
            "executor.ports: ports are not counted in scenarios of this kind",
        ),
        (
            format!("jobs: [{a}]\nthen: [{{sumbit: []}}]"),
            ":6: then[0].sumbit: there is no such field; did you mean submit?",
        ),
        (
            format!("jobs: [{a}]\nthen: [{{reclaim: 1}}]"),
            ":6: then[0].reclaim: expected true or false, found the number 1",
        ),
        (
            format!("jobs: [{a}]\noptions: {{fairness: fair}}"),
            ":6: options.fairness: \"fair\" is not one of drf, hdrf",
        ),
    ] {
        let found = problems(&format!("{CLUSTER}{rest}"));
        assert!(found.starts_with("x.yaml:") && found.contains(expected), "{rest}:\n{found}");
    }
}

#[test]
fn no_scenario_has_executors_without_a_bound() {
    let with = |cpus: u64, executors: &str| {
        format!(
            "kind: fill\nname: x\nnodes: [{{name: n, cpus: {cpus}, mem: 0}}, {{name: m, mem: 64}}]\n\
             pools: [{{name: a}}]\n\
             jobs: [{{name: A, pool: a, executor: {{cpus: 1, mem: 0}}, executors: {executors}}}]\n\
             expect: {{A: 2}}\n"
        )
    };
    let expected = "x.yaml:5: jobs: more than 100000 executors could run at once; give nodes less, \
                    executors more, or jobs fewer executors";
    assert_eq!(problems(&with(2_147_483_648, "inf")), expected);
    assert_eq!(problems(&with(100_001, "inf")), expected);
    // Few enough fit, or are wanted.
    for (cpus, executors) in [(2, "inf"), (2_147_483_648, "2")] {
        assert_eq!(outcome(&with(cpus, executors)), "ok");
    }
}

#[test]
fn pools_form_a_tree() {
    for (pools, expected) in [
        ("[{name: a, parent: b}, {name: b, parent: a}]", "pools[0].parent: \"a\" is below itself"),
        ("[{name: a, parent: a}]", "pools[0].parent: \"a\" is below itself"),
        ("[{name: a, parent: c}]", "pools[0].parent: there is no pool \"c\" at this point, only a"),
        ("[{name: a}, {name: a}]", "pools[1].name: there is a pool \"a\" already"),
        (
            "[{name: a}, {name: b, parent: a}, {name: a/b}]",
            "pools[2]: there is a pool \"a.b\" already",
        ),
        (
            "[{name: a}, {name: b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b/b}]",
            "pools[1]: pools have 16 levels at most",
        ),
        ("[{name: a//b}]", "pools[0].name: \"a//b\" has a part without a name"),
        (
            "[{name: a, idleGuarantee: Hold}]",
            "pools[0].idleGuarantee: \"Hold\" is not one of hold, lend",
        ),
        ("[{name: a, weight: -1}]", "pools[0].weight: -1 is too small"),
        (
            "[{name: a, weight: 2000000}]",
            "pools[0].weight: 2000000 is too large; the most is 1000000",
        ),
        (
            "[{name: a, guarantee: {cpus: 2}, limit: {cpus: 1}}]",
            "pools[0]: the guarantee is above the limit",
        ),
    ] {
        let found =
            problems(&format!("{{kind: fill, name: x, nodes: [], pools: {pools}, jobs: []}}"));
        assert!(found.contains(&format!("x.yaml:1: {expected}")), "{pools}:\n{found}");
    }
}
