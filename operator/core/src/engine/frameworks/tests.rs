//! Frameworks that say what the test says.

mod random;
mod world;

use crate::action::Action;
use crate::engine::Settings;
use crate::event::{Event, Maintenance, Reservation};
use crate::frameworks::{
    Constraint, Demand, FrameworkAction, FrameworkCall, FrameworkObservation, Predicate,
    RescindReason, RunningTask, Selector, TaskProblem, TaskRequest,
};
use crate::ids::OfferId;
use crate::ranges::Ranges;
use crate::reasons::Reason;
use crate::time::{Span, Time};
use world::{World, framework, key, node, task};

fn id(world: &World, name: &str) -> OfferId {
    world.offers_of(name)[0].id
}

#[test]
fn a_node_is_offered_as_a_whole_and_to_nobody_else() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.framework("b", &["default"]);
    world.tick();
    assert_eq!((world.offered("a"), world.offered("b")), (vec!["n0 4".to_owned()], vec![]));
    let pool = &world.engine.view().pools[0];
    assert_eq!(pool.offered, pool.allocated);
    assert_eq!(pool.offered[0], ("cpu".into(), 4000));
}

#[test]
fn what_is_declined_goes_to_others_at_once_and_comes_back_when_the_filter_ends() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.framework("b", &["default"]);
    world.tick();
    world.decline_all("a", 5000);
    world.tick();
    assert_eq!((world.offered("a"), world.offered("b").len()), (vec![], 1));
    world.decline_all("b", 60_000);
    world.tick();
    assert!(world.offers.is_empty());
    world.advance(4999);
    assert!(world.offers.is_empty());
    world.advance(1);
    assert_eq!(world.offered("a").len(), 1);
}

#[test]
fn without_a_filter_the_same_framework_waits_a_moment() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    world.decline_all("a", 0);
    world.advance(999);
    assert!(world.offers.is_empty());
    world.advance(1);
    assert_eq!(world.offered("a").len(), 1);
    let mut eager =
        World::new(Settings { return_delay_milliseconds: Span::ZERO, ..Settings::default() });
    eager.tell(Event::Node(node("n", 1)));
    eager.framework("a", &["default"]);
    eager.tick();
    eager.decline_all("a", 0);
    eager.tick();
    assert_eq!(eager.offered("a").len(), 1);
}

#[test]
fn an_offer_that_grew_passes_the_filter() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    world.accept("a", &[id(&world, "a")], vec![task("t", 1000)], 3_600_000);
    world.tick();
    assert!(world.offers.is_empty(), "the rest is hidden");
    world.accepted.clear();
    world.tell(Event::TaskGone(key("a"), "t".into()));
    world.tick();
    assert_eq!(world.offered("a"), ["n0 4"]);
}

#[test]
fn an_answer_in_time_ends_the_timeout_and_a_late_offer_is_rescinded() {
    let mut world = World::with_nodes(&[4, 4]);
    world.framework("a", &["default"]);
    world.tick();
    let offers = world.offers_of("a");
    world.accept("a", &[offers[0].id], vec![task("t", 4000)], 3_600_000);
    assert_eq!(offers[1].expires_at, Some(world.now + Span::from_seconds(30)));
    world.advance(29_999);
    assert_eq!(world.rescinded, []);
    world.advance(1);
    assert_eq!(world.rescinded, [(offers[1].id, RescindReason::Timeout)]);
    assert_eq!(world.status("a").tasks.len(), 1);
    // It comes back to the same framework after a moment.
    world.advance(1000);
    assert_eq!(world.offered("a").len(), 1);
}

#[test]
fn a_framework_may_have_a_timeout_of_its_own() {
    let mut world = World::with_nodes(&[4]);
    let mut patient = framework("a", &["default"]);
    patient.offer_timeout_milliseconds = Some(Span::from_seconds(90));
    world.observe(patient);
    world.tick();
    world.advance(89_999);
    assert_eq!(world.rescinded, []);
    world.advance(1);
    assert_eq!(world.rescinded.len(), 1);
}

#[test]
fn suppressing_keeps_offers_and_reviving_clears_filters() {
    let mut world = World::with_nodes(&[4, 4]);
    world.framework("a", &["default"]);
    world.tick();
    world.call("a", FrameworkCall::Suppress { pools: vec!["default".into()] });
    world.decline("a", id(&world, "a"), 3_600_000);
    world.tick();
    assert_eq!(world.offered("a").len(), 1);
    world.advance(5000);
    assert_eq!(world.offered("a").len(), 1);
    assert_eq!(world.status("a").pools[0].reason, Some(Reason::Suppressed));
    world.revive("a");
    world.tick();
    assert_eq!(world.offered("a").len(), 2);
    world.call("a", FrameworkCall::Suppress { pools: vec!["other".into()] });
    world.tick();
    let told = FrameworkAction::NotInPool { pool: "other".into() };
    assert_eq!(world.log.last(), Some(&Action::Framework(key("a"), told)));
}

#[test]
fn a_framework_that_is_away_keeps_its_tasks_only() {
    let mut world = World::with_nodes(&[4, 4]);
    world.framework("a", &["default"]);
    world.framework("b", &["default"]);
    world.tick();
    world.accept("a", &[id(&world, "a")], vec![task("t", 1000)], 3_600_000);
    world.decline_all("b", 0);
    world.tick();
    let mut away = framework("a", &["default"]);
    away.connected = false;
    world.observe(away);
    world.advance(2000);
    assert_eq!(
        (world.offered("a"), world.offered("b")),
        (vec![], vec!["n0 3".to_owned(), "n1 4".to_owned()])
    );
    assert_eq!(world.status("a").tasks.len(), 1);
    world.framework("a", &["default"]);
    world.decline_all("b", 5000);
    world.tick();
    assert_eq!(world.offered("a"), ["n0 3", "n1 4"], "its filters went when it did");
}

#[test]
fn a_framework_that_is_gone_leaves_nothing_but_its_tasks() {
    let mut world = World::with_nodes(&[4, 4]);
    world.framework("a", &["default", "other"]);
    world.pool("other", |_| {});
    world.tick();
    world.accept("a", &[id(&world, "a")], vec![task("t", 1000)], 0);
    world.tell(Event::FrameworkGone(key("a")));
    world.tick();
    assert!(world.offers.is_empty());
    let status = world.status("a");
    assert_eq!((status.uid, status.pools.len(), status.tasks.len()), (None, 1, 1));
    world.call("a", FrameworkCall::Revive { pools: Vec::new() });
    world.tick();
    let told = Action::Framework(key("a"), FrameworkAction::NotSubscribed);
    assert_eq!(world.log.last(), Some(&told));
    world.accepted.clear();
    world.tell(Event::TaskGone(key("a"), "t".into()));
    world.tick();
    assert!(world.engine.view().frameworks.is_empty());
    assert!(world.engine.state.frameworks.wakeup().is_none());
    assert!(
        world
            .engine
            .state
            .pools
            .get(world.engine.state.pools.find("default").unwrap())
            .unwrap()
            .jobs
            == 0
    );
}

#[test]
fn tasks_take_parts_of_offers_and_the_rest_comes_back() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.framework("b", &["default"]);
    world.tick();
    let tasks = vec![task("t1", 1000), task("t2", 4000), task("t1", 1000), task("t3", 2000)];
    world.accept("a", &[id(&world, "a")], tasks, 5000);
    world.tick();
    let problems: Vec<&str> = world.refused.iter().map(|(task, _)| &**task).collect();
    assert_eq!(problems, ["t2", "t1"]);
    assert_eq!(
        world.refused[0].1,
        TaskProblem::TooLarge { resource: "cpu".into(), requested: 4000, left: 3000 }
    );
    assert_eq!(world.refused[1].1, TaskProblem::RepeatedTask);
    assert_eq!(world.status("a").tasks.len(), 2);
    assert_eq!(world.offered("b"), ["n0 1"]);
}

#[test]
fn offers_of_one_node_can_be_taken_together() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    world.accept("a", &[id(&world, "a")], vec![task("t1", 3000)], 0);
    world.advance(1000);
    world.accepted.clear();
    world.tell(Event::TaskGone(key("a"), "t1".into()));
    world.tick();
    assert_eq!(world.offered("a"), ["n0 1", "n0 3"]);
    let offers: Vec<OfferId> = world.offers_of("a").iter().map(|offer| offer.id).collect();
    world.accept("a", &offers, vec![task("t2", 4000)], 0);
    world.tick();
    assert_eq!((world.refused.len(), world.status("a").tasks.len()), (0, 1));
}

#[test]
fn a_bad_accept_starts_nothing_and_gives_back_what_is_known() {
    let mut world = World::with_nodes(&[4, 4]);
    world.framework("a", &["default"]);
    world.framework("b", &["default"]);
    world.tick();
    let (of_a, of_b) = (id(&world, "a"), id(&world, "b"));
    for (offers, problem) in [
        (vec![OfferId(99)], TaskProblem::UnknownOffer(OfferId(99))),
        (vec![of_b], TaskProblem::UnknownOffer(of_b)),
        (vec![], TaskProblem::NoOffer),
        (vec![of_a, of_a], TaskProblem::RepeatedOffer(of_a)),
    ] {
        let tasks = vec![task("t", 1000)];
        let call = FrameworkCall::Accept { offers, tasks, refuse_milliseconds: Span::ZERO };
        world
            .offers
            .retain(|&offer, _| offer != of_a || problem != TaskProblem::RepeatedOffer(of_a));
        world.call("a", call);
        world.tick();
        assert!(problem.is_of_offers());
        assert_eq!(world.refused.pop(), Some(("t".into(), problem)));
    }
    assert_eq!((world.offered("a").len(), world.offered("b").len()), (0, 2));
    world.advance(1000);
    world.decline_all("b", 10_000);
    world.tick();
    let offers: Vec<OfferId> = world.offers_of("a").iter().map(|offer| offer.id).collect();
    assert_eq!(offers.len(), 2);
    world.accept("a", &offers, vec![task("t", 1000)], 0);
    world.tick();
    assert_eq!(world.refused.pop(), Some(("t".into(), TaskProblem::DifferentOffers)));
    world.call(
        "nobody",
        FrameworkCall::Accept {
            offers,
            tasks: vec![task("t", 1)],
            refuse_milliseconds: Span::ZERO,
        },
    );
    world.tick();
    assert!(matches!(world.refused.pop(), Some((_, TaskProblem::UnknownOffer(_)))));
}

#[test]
fn senseless_tasks_are_refused_with_the_reason() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    let request = |name: &str, amounts: &[(&str, i64)], ports: &str| TaskRequest {
        task: name.into(),
        amounts: amounts.iter().map(|&(resource, amount)| (resource.into(), amount)).collect(),
        ports: ports.parse().unwrap(),
    };
    let tasks = vec![
        request("nothing", &[], ""),
        request("negative", &[("cpu", -1)], ""),
        request("unknown", &[("unicorns", 1)], ""),
        request("ports", &[("cpu", 1)], "31000"),
        request("overflow", &[("cpu", i64::MAX), ("cpu", i64::MAX)], ""),
        request("twice", &[("cpu", 3000), ("cpu", 1000)], ""),
    ];
    world.accept("a", &[id(&world, "a")], tasks, 0);
    world.tick();
    let problems: Vec<String> =
        world.refused.iter().map(|(task, problem)| format!("{task}: {problem}")).collect();
    assert_eq!(
        problems,
        [
            "nothing: the task asks for no resources",
            "negative: the task asks for less than no cpu",
            "unknown: the task asks for 1 unicorns, and 0 are left of the offers",
            "ports: the task asks for ports that are not left of the offers",
            "overflow: the task asks for 9223372036854775807 cpu, and 4000 are left of the offers",
        ]
    );
    assert!(world.refused.iter().all(|(_, problem)| !problem.is_of_offers()));
    assert_eq!(world.status("a").tasks[0].amounts, [("cpu".into(), 4000)]);
}

#[test]
fn ports_go_with_the_first_offer_of_a_node_and_count_in_no_share() {
    let mut world = World::with_nodes(&[]);
    let ports: Ranges = "31000-31009".parse().unwrap();
    world.tell(Event::Node(crate::event::NodeObservation { ports: ports.clone(), ..node("n", 4) }));
    world.framework("a", &["default"]);
    world.framework("b", &["default"]);
    world.tick();
    assert_eq!(world.offers_of("a")[0].ports, ports);
    let mut web = task("web", 1000);
    web.ports = "31000-31001,31005".parse().unwrap();
    world.accept("a", &[id(&world, "a")], vec![web], 0);
    world.tick();
    assert_eq!(world.offers_of("b")[0].ports.to_string(), "31002-31004,31006-31009");
    assert_eq!(world.status("a").tasks[0].ports.to_string(), "31000-31001,31005");
}

#[test]
fn a_node_that_goes_takes_offers_and_tasks_along() {
    let mut world = World::with_nodes(&[4, 4]);
    world.framework("a", &["default"]);
    world.tick();
    let offers = world.offers_of("a");
    world.accept("a", &[offers[0].id], vec![task("t", 1000)], 3_600_000);
    world.tell(Event::NodeGone(offers[0].node.clone()));
    world.tell(Event::NodeGone(offers[1].node.clone()));
    world.tick();
    assert_eq!(world.lost, ["t".into()]);
    assert_eq!(world.rescinded, [(offers[1].id, RescindReason::NodeGone)]);
    // A node of the same name is another one: the filter is gone.
    world.forget_refusals(&offers[0].node);
    world.tell(Event::Node(node(&offers[0].node, 4)));
    world.tick();
    assert_eq!(world.offered("a").len(), 1);
}

#[test]
fn nobody_waits_for_the_end_of_a_filter_for_a_node_that_is_gone() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    world.decline_all("a", 3_600_000);
    world.tick();
    assert_eq!(world.engine.next_wakeup(), Some(world.now + Span::from_seconds(3600)));
    world.tell(Event::NodeGone("n0".into()));
    world.tick();
    assert_eq!(world.engine.next_wakeup(), None);
}

#[test]
fn a_node_that_is_closed_or_shrinks_has_its_offers_rescinded() {
    let mut world = World::with_nodes(&[4, 4]);
    world.framework("a", &["default"]);
    world.tick();
    world.tell(Event::Node(crate::event::NodeObservation { offered: false, ..node("n0", 4) }));
    world.tell(Event::Node(node("n1", 3)));
    world.tick();
    assert_eq!(world.rescinded.len(), 2);
    assert_eq!(world.offered("a"), ["n1 3"]);
    world.tell(Event::Node(node("n1", 5)));
    world.tick();
    assert_eq!(world.offered("a"), ["n1 2", "n1 3"]);
}

#[test]
fn filters_go_when_a_nodes_labels_change() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    world.decline_all("a", 3_600_000);
    world.tick();
    let mut labelled = node("n0", 4);
    labelled.labels.push(("disk".into(), "ssd".into()));
    world.forget_refusals("n0");
    world.tell(Event::Node(labelled));
    world.tick();
    assert_eq!(world.offered("a"), ["n0 4"]);
}

#[test]
fn constraints_are_on_labels() {
    let mut world = World::with_nodes(&[4]);
    for (name, disk) in [("ssd", "ssd"), ("hdd", "hdd")] {
        let mut labelled = node(name, 2);
        labelled.labels.push(("disk".into(), disk.into()));
        world.tell(Event::Node(labelled));
    }
    let label = |predicate| Constraint { selector: Selector::Label("disk".into()), predicate };
    let named = |predicate| Constraint { selector: Selector::NodeName, predicate };
    for (constraints, expected) in [
        (vec![vec![label(Predicate::Exists)]], vec!["hdd 2", "ssd 2"]),
        (vec![vec![label(Predicate::NotExists)]], vec!["n0 4"]),
        (vec![vec![label(Predicate::text_equals("ssd"))]], vec!["ssd 2"]),
        (vec![vec![label(Predicate::text_not_equals("ssd"))]], vec!["hdd 2", "n0 4"]),
        (
            vec![
                vec![named(Predicate::text_equals("n0"))],
                vec![label(Predicate::text_equals("hdd"))],
            ],
            vec!["hdd 2", "n0 4"],
        ),
        (
            vec![vec![label(Predicate::Exists), named(Predicate::text_not_equals("ssd"))]],
            vec!["hdd 2"],
        ),
        (vec![], vec!["hdd 2", "n0 4", "ssd 2"]),
    ] {
        let mut picky = framework("a", &["default"]);
        picky.pools[0].constraints = constraints;
        world.observe(picky);
        world.decline_all("a", 0);
        world.advance(1000);
        world.advance(0);
        assert_eq!(world.offered("a"), expected);
        world.check_all_is_offered();
    }
    // A node that gets the label is offered from then on.
    let mut picky = framework("a", &["default"]);
    picky.pools[0].constraints = vec![vec![label(Predicate::text_equals("tape"))]];
    world.observe(picky);
    world.decline_all("a", 0);
    world.advance(2000);
    assert!(world.offers.is_empty());
    let mut tape = node("n0", 4);
    tape.labels.push(("disk".into(), "tape".into()));
    world.forget_refusals("n0");
    world.tell(Event::Node(tape));
    world.tick();
    assert_eq!(world.offered("a"), ["n0 4"]);
}

#[test]
fn an_offer_holds_at_least_the_minimum() {
    let mut world = World::with_nodes(&[1, 4]);
    let mut large = framework("a", &["default"]);
    large.pools[0].minimum = Some(vec![vec![("cpu".into(), 2000)]]);
    world.observe(large);
    world.tick();
    assert_eq!(world.offered("a"), ["n1 4"]);
    let mut anything = framework("b", &["default"]);
    anything.pools[0].minimum = Some(Vec::new());
    world.observe(anything);
    world.tell(Event::Node(crate::event::NodeObservation {
        allocatable: vec![("memory".into(), 1)],
        ..node("tiny", 0)
    }));
    world.tick();
    assert_eq!(world.offered("b"), ["n0 1", "tiny 0"]);
}

#[test]
fn a_framework_is_offered_in_each_of_its_pools() {
    let mut world = World::with_nodes(&[4, 4]);
    world.pool("x", |_| {});
    world.pool("y", |_| {});
    world.framework("a", &["x", "y"]);
    world.tick();
    let mut pools: Vec<_> = world.offers_of("a").iter().map(|offer| offer.pool.clone()).collect();
    pools.sort();
    assert_eq!(pools, ["x".into(), "y".into()]);
    // A filter is for one pool.
    world.decline_all("a", 3_600_000);
    world.call("a", FrameworkCall::Suppress { pools: vec!["y".into()] });
    world.tick();
    assert_eq!(world.offers_of("a").len(), 1);
    assert_eq!(&*world.offers_of("a")[0].pool, "x");
    // Leaving a pool takes its offers back.
    world.framework("a", &["y"]);
    world.tick();
    assert_eq!(world.rescinded.last().map(|&(_, reason)| reason), Some(RescindReason::PoolGone));
    assert_eq!(world.offers_of("a").len(), 1);
    assert_eq!(&*world.offers_of("a")[0].pool, "y");
}

#[test]
fn a_pool_that_is_not_there_gets_no_offers_and_the_status_says_so() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["missing"]);
    world.tick();
    assert!(world.offers.is_empty());
    let status = &world.status("a").pools[0];
    assert_eq!(status.message.as_deref(), Some("there is no pool missing"));
    world.pool("missing", |_| {});
    world.tick();
    assert_eq!(world.offered("a").len(), 1);
    world.tell(Event::PoolGone("missing".into()));
    world.tick();
    assert_eq!(world.rescinded.last().map(|&(_, reason)| reason), Some(RescindReason::PoolGone));
}

#[test]
fn limits_bind_the_subtree_and_lowering_one_takes_the_newest_offers_back() {
    let mut world = World::with_nodes(&[4, 4]);
    world.pool("x", |pool| pool.limit = vec![("cpu".into(), 6000)]);
    world.pool("x.y", |_| {});
    world.framework("a", &["x.y"]);
    world.tick();
    assert_eq!(world.offered("a"), ["n0 4", "n1 2"]);
    world.pool("x", |pool| pool.limit = vec![("cpu".into(), 5000)]);
    world.tick();
    assert_eq!(world.rescinded.last().map(|&(_, reason)| reason), Some(RescindReason::Limit));
    assert_eq!(world.offered("a"), ["n0 4", "n1 1"]);
}

#[test]
fn running_tasks_are_charged_before_their_framework_is_known() {
    let mut world = World::with_nodes(&[4]);
    let seen = RunningTask {
        framework: key("a"),
        task: "t".into(),
        pool: "default".into(),
        node: "n0".into(),
        amounts: vec![("cpu".into(), 3000)],
        ports: Ranges::new(),
    };
    world.tell(Event::TaskRunning(Box::new(seen.clone())));
    world.accepted.insert((key("a"), "t".into()));
    world.framework("b", &["default"]);
    world.tick();
    assert_eq!(world.offered("b"), ["n0 1"]);
    // Said again, it changes nothing; on a node that is not there, it is lost.
    world.tell(Event::TaskRunning(Box::new(seen.clone())));
    world.tell(Event::TaskRunning(Box::new(RunningTask {
        task: "u".into(),
        node: "missing".into(),
        ..seen
    })));
    world.framework("a", &["default"]);
    world.tick();
    assert_eq!(world.lost, ["u".into()]);
    assert_eq!(world.status("a").tasks.len(), 1);
}

#[test]
fn while_jobs_wait_frameworks_are_offered_their_fair_share() {
    let mut world = World::with_nodes(&[8]);
    world.framework("a", &["default"]);
    world.tick();
    assert_eq!(world.offered("a"), ["n0 8"]);
    // The job wants more than half: each gets half.
    world.job("job", "default", 8);
    world.tick();
    assert_eq!(world.rescinded.last().map(|&(_, reason)| reason), Some(RescindReason::FairShare));
    assert_eq!((world.executors("job"), world.offered("a")), (4, vec!["n0 4".to_owned()]));
    let rescinded = world.rescinded.len();
    for _ in 0..3 {
        // Nothing comes and goes.
        world.tell(Event::Node(node("n0", 8)));
        world.tick();
    }
    assert_eq!((world.rescinded.len(), world.executors("job")), (rescinded, 4));
}

#[test]
fn a_job_that_wants_little_leaves_the_rest_to_frameworks() {
    let mut world = World::with_nodes(&[8]);
    world.framework("a", &["default"]);
    world.tick();
    world.job("job", "default", 1);
    world.tick();
    assert_eq!((world.executors("job"), world.offered("a")), (1, vec!["n0 7".to_owned()]));
    // With room for both, nothing is taken back.
    let rescinded = world.rescinded.len();
    world.tell(Event::Node(node("n1", 8)));
    world.job("small", "default", 2);
    world.tick();
    assert_eq!((world.executors("small"), world.rescinded.len()), (2, rescinded));
    assert_eq!(world.offered("a"), ["n0 7", "n1 6"]);
}

#[test]
fn reserved_resources_go_to_the_pools_subtree_only() {
    let mut world = World::with_nodes(&[]);
    world.pool("x", |_| {});
    world.pool("x.y", |_| {});
    let node_selector = vec![("disk".into(), "ssd".into())];
    world.pool("x", |pool| {
        let resources = vec![("cpu".into(), 3000)];
        pool.reservations = vec![Reservation { node_selector: node_selector.clone(), resources }];
    });
    let labels = node_selector.clone();
    world.tell(Event::Node(crate::event::NodeObservation { labels, ..node("n", 4) }));
    world.framework("other", &["default"]);
    world.tick();
    assert_eq!(world.offered("other"), ["n 1"]);
    world.framework("child", &["x.y"]);
    world.tick();
    assert_eq!(world.offered("child"), ["n 3"]);
    // What the child holds counts as the reservation's use, so the rest is everybody's.
    world.accept("child", &[id(&world, "child")], vec![task("t", 2000)], 3_600_000);
    world.decline_all("other", 0);
    world.advance(1000);
    assert_eq!(world.offered("other"), ["n 1"]);
    world.pool("x", |pool| pool.reservations.clear());
    world.tick();
    assert_eq!(world.offered("other"), ["n 1", "n 1"]);
}

#[test]
fn frameworks_are_asked_to_leave_nodes_that_go_into_maintenance() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    world.accept("a", &[id(&world, "a")], vec![task("t", 1000)], 3_600_000);
    world.tell(Event::Node(crate::event::NodeObservation {
        maintenance: Some(Maintenance { start: Time::from_milliseconds(90_000), duration: None }),
        ..node("n0", 4)
    }));
    world.tick();
    let inverse = |world: &World| {
        let asked = world.log.iter().filter_map(|action| match action {
            Action::Framework(_, FrameworkAction::InverseOffer { id, unavailable_from, .. }) => {
                Some((*id, *unavailable_from))
            }
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    let first = inverse(&world)[0].0;
    assert_eq!(inverse(&world), [(first, Time::from_milliseconds(90_000))]);
    world.advance(1000);
    let offers = vec![first];
    world.call(
        "a",
        FrameworkCall::AnswerInverse {
            offers,
            agreed: true,
            refuse_milliseconds: Span::from_seconds(5),
        },
    );
    world.tick();
    assert_eq!(world.status("a").inverse_offers[0].agreed, Some(true));
    world.advance(4999);
    assert_eq!(inverse(&world).len(), 1);
    world.advance(1);
    assert_eq!(inverse(&world).len(), 2, "it is asked again");
    world.tell(Event::Node(node("n0", 4)));
    world.tick();
    let second = inverse(&world)[1].0;
    let told = Action::Framework(key("a"), FrameworkAction::RescindInverse(second));
    assert!(world.log.contains(&told));
    assert!(world.status("a").inverse_offers.is_empty());
}

#[test]
fn a_drained_node_is_not_offered_and_frameworks_are_asked_to_leave_it() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    world.tick();
    world.accept("a", &[id(&world, "a")], vec![task("t", 1000)], 3_600_000);
    world.framework("b", &["default"]);
    world.tick();
    assert_eq!(world.offered("b"), ["n0 3"]);
    let by = world.now + Span::from_seconds(60);
    let drained = crate::event::NodeObservation { draining: true, ..node("n0", 4) };
    world.tell(Event::Node(drained));
    world.tick();
    assert!(world.offers.is_empty());
    assert_eq!(world.status("a").inverse_offers[0].unavailable_from, by);
    assert!(world.status("b").inverse_offers.is_empty());
    world.advance(1000);
    world.tell(Event::Node(crate::event::NodeObservation {
        draining: true,
        labels: vec![("zone".into(), "a".into())],
        ..node("n0", 4)
    }));
    world.tick();
    assert_eq!(world.status("a").inverse_offers[0].unavailable_from, by, "the time stays");
    world.tell(Event::Node(node("n0", 4)));
    world.tick();
    assert!(world.status("a").inverse_offers.is_empty());
    assert_eq!(world.offered("b"), ["n0 3"]);
}

#[test]
fn nodes_are_offered_until_they_are_emptied_for_their_maintenance() {
    let mut world = World::with_nodes(&[4]);
    world.framework("a", &["default"]);
    let start = world.now + Span::from_seconds(100);
    let maintenance = Some(Maintenance { start, duration: Some(Span::from_seconds(10)) });
    world.tell(Event::Node(crate::event::NodeObservation { maintenance, ..node("n0", 4) }));
    world.tick();
    assert_eq!(world.offers_of("a")[0].unavailable_from, Some(start));
    world.advance(40_000);
    assert!(world.offers.is_empty());
    world.advance(69_999);
    assert!(world.offers.is_empty());
    world.advance(1);
    assert_eq!(world.offers_of("a")[0].unavailable_from, None);
}

#[test]
fn the_order_in_which_nodes_and_frameworks_come_does_not_matter() {
    let run = |reversed: bool| {
        let mut world = World::with_nodes(&[]);
        let mut nodes: Vec<_> = (1..6).map(|cores| node(&format!("n{cores}"), cores)).collect();
        let mut frameworks: Vec<_> =
            ["a", "b", "c"].iter().map(|name| framework(name, &["default"])).collect();
        if reversed {
            nodes.reverse();
            frameworks.reverse();
        }
        nodes.into_iter().for_each(|node| world.tell(Event::Node(node)));
        frameworks.into_iter().for_each(|framework| world.observe(framework));
        world.tick();
        ["a", "b", "c"].map(|name| world.offered(name))
    };
    assert_eq!(run(false), run(true));
    assert!(run(false).iter().all(|offered| !offered.is_empty()));
}

fn with_demand(name: &str, executors: u32, cores: i64, gibibytes: i64) -> FrameworkObservation {
    let amounts = vec![("cpu".into(), cores * 1000), ("memory".into(), gibibytes << 30)];
    FrameworkObservation {
        demand: Some(Demand { executors, amounts }),
        ..framework(name, &["default"])
    }
}

#[test]
fn a_framework_that_says_what_it_can_use_is_offered_as_many_slices() {
    let mut world = World::with_nodes(&[8, 8]);
    world.observe(with_demand("a", 3, 2, 1));
    world.tick();
    // Nodes in turn, and slices of one node apart.
    assert_eq!(world.offered("a"), ["n0 2", "n0 2", "n1 2"]);
    let ports = world.offers_of("a").iter().map(|offer| offer.ports.clone()).collect::<Vec<_>>();
    assert!(ports.iter().all(Ranges::is_empty));
    world.framework("b", &["default"]);
    world.tick();
    assert_eq!(world.offered("b"), ["n0 4", "n1 6"]);
}

#[test]
fn tasks_count_as_executors_until_they_are_gone() {
    let mut world = World::with_nodes(&[4]);
    world.observe(with_demand("a", 2, 2, 1));
    world.tick();
    let offers: Vec<_> = world.offers_of("a").iter().map(|offer| offer.id).collect();
    assert_eq!(offers.len(), 2);
    world.accept("a", &[offers[0]], vec![task("t", 2000)], 0);
    world.decline("a", offers[1], 0);
    world.advance(1000);
    assert_eq!(world.offered("a"), ["n0 2"], "one more beside the task");
    world.tell(Event::TaskGone(key("a"), "t".into()));
    world.accepted.clear();
    world.tick();
    assert_eq!(world.offered("a"), ["n0 2", "n0 2"]);
}

#[test]
fn a_slice_is_never_smaller_than_an_executor() {
    let mut world = World::with_nodes(&[3]);
    world.observe(with_demand("a", 5, 2, 1));
    world.tick();
    assert_eq!(world.offered("a"), ["n0 2"]);
    assert_eq!(world.status("a").pools[0].reason, Some(Reason::WaitingForResources));
    world.observe(with_demand("a", 1, 2, 1));
    world.tick();
    assert_eq!(world.status("a").pools[0].reason, None, "it has all that it wants");
    world.observe(with_demand("b", 1, 4, 1));
    world.tick();
    let status = &world.status("b").pools[0];
    assert_eq!(status.reason, Some(Reason::LargerThanAnyNode), "{:?}", status.message);
}

#[test]
fn slices_of_one_node_have_ports_of_their_own() {
    let mut world = World::with_nodes(&[]);
    let ports = (31_000..=32_000).collect();
    world.tell(Event::Node(crate::event::NodeObservation { ports, ..node("n0", 4) }));
    world.observe(with_demand("a", 2, 2, 1));
    world.tick();
    let offers = world.offers_of("a");
    assert_eq!(offers.iter().map(|offer| offer.ports.len()).collect::<Vec<_>>(), [64, 64]);
    assert!(offers[0].ports.iter().all(|port| !offers[1].ports.contains(port)));
}

#[test]
fn a_refused_slice_is_hidden_and_others_are_not() {
    let mut world = World::with_nodes(&[2, 2]);
    world.observe(with_demand("a", 1, 2, 1));
    world.tick();
    assert_eq!(world.offered("a"), ["n0 2"]);
    world.decline_all("a", 60_000);
    world.tick();
    assert_eq!(world.offered("a"), ["n1 2"]);
    world.decline_all("a", 60_000);
    world.tick();
    assert!(world.offered("a").is_empty());
}

#[test]
fn frameworks_that_want_little_leave_the_rest_to_jobs() {
    let mut world = World::with_nodes(&[8]);
    world.observe(with_demand("a", 2, 1, 1));
    world.tick();
    world.job("job", "default", 6);
    world.tick();
    assert_eq!((world.executors("job"), world.offered("a").len()), (6, 2));
}
