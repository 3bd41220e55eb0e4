use super::*;

/// What is wrong with a text, a line each.
pub(super) fn problems(text: &str) -> String {
    Scenario::parse("x.yaml", text).map_or_else(|errors| errors.to_string(), |_| String::new())
}

/// What a scenario says when it is run.
pub(super) fn outcome(text: &str) -> String {
    let scenario = Scenario::parse("x.yaml", text).unwrap_or_else(|errors| panic!("{errors}"));
    scenario.run().map_or_else(|difference| difference.to_string(), |()| "ok".to_owned())
}

#[test]
fn the_kind_says_which_fields_there_are() {
    for (text, problem) in [
        ("[1]", "x.yaml:1: expected fields, found a list"),
        ("name: x", "x.yaml:1: kind: this field is required"),
        (
            "kind: fil",
            "x.yaml:1: kind: \"fil\" is not one of fill, offers, order; did you mean fill?",
        ),
        ("kind: 1", "x.yaml:1: kind: expected text, found the number 1: put it in quotes"),
        (
            "kind: order\nname: x\ntotal: {cpus: 1}\nsteps: []\noptions: {}",
            "x.yaml:5: options: there is no such field; the fields are: kind, name, source, total, \
             steps",
        ),
        ("a: 1\n---\nb: 2", "x.yaml: a file holds one scenario, not several or none"),
        ("# nothing", "x.yaml: a file holds one scenario, not several or none"),
        ("a: [", "x.yaml:1: not valid YAML"),
    ] {
        let found = problems(text);
        assert!(found.lines().any(|line| line.starts_with(problem)), "{text}:\n{found}");
    }
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let found = problems("kind: fill\nname: ''\nnodes: 3\npools: []\njobs: [{nam: a}]\n");
    let expected = "\
x.yaml:2: name: is empty
x.yaml:3: nodes: expected a list, found the number 3
x.yaml:5: jobs[0].name: this field is required
x.yaml:5: jobs[0].pool: this field is required
x.yaml:5: jobs[0].executor: this field is required
x.yaml:5: jobs[0].executors: this field is required
x.yaml:5: jobs[0].nam: there is no such field; did you mean name? The fields are: name, pool, \
                    executor, executors, priority, nodeSelector, tolerations";
    assert_eq!(found, expected);
}

#[test]
fn names_that_older_yaml_takes_for_booleans_are_names() {
    let text = "{kind: fill, name: no, nodes: [{name: n, cpus: 1}], pools: [{name: y}], jobs: \
                [{name: off, pool: y, executor: {cpus: 1}, executors: 2}], expect: {off: 1}}";
    assert_eq!(outcome(text), "ok");
}

#[test]
fn a_difference_tells_what_came_before_it() {
    let differs = Difference::Differs {
        passed: vec!["jobs, line 3".to_owned(), "then[0], line 7".to_owned()],
        place: "then[1], line 9".to_owned(),
        message: "something else".to_owned(),
    };
    let expected = "  jobs, line 3: as expected\n  then[0], line 7: as expected\n  then[1], line 9: \
                    something else";
    assert_eq!(differs.to_string(), expected);
    assert_eq!(Difference::NotYet("later".to_owned()).to_string(), "  later");
}
