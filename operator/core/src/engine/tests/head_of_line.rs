//! Large executors and gangs behind streams of small ones.

use crate::engine::Settings;
use crate::engine::tests::world::{World, job, stage};
use crate::event::{Event, NodeObservation, PoolObservation};
use crate::jobs::{JobSpec, JobState};
use crate::reasons::Reason;
use crate::time::Span;

const TIMEOUT: u64 = 60_000;

/// A job of executors of so many cores, with a task for each.
fn wide(pool: &str, instances: u32, cores: i64) -> JobSpec {
    let mut spec = job(pool, instances, vec![stage("s", instances)]);
    spec.executor.request = vec![("cpu".into(), cores * 1000)];
    spec
}

fn gang(pool: &str, instances: u32, cores: i64) -> JobSpec {
    let mut spec = wide(pool, instances, cores);
    spec.executor.gang_timeout_milliseconds = Some(Span::from_seconds(600));
    spec
}

/// Small jobs of one core, of which there are always some that wait and that end in turn.
struct Stream {
    world: World,
    pool: &'static str,
    next: usize,
    oldest: usize,
}

impl Stream {
    /// Fills the nodes.
    fn over(settings: Settings, nodes: &[i64], pool: &'static str) -> Self {
        let world = World::with_settings(settings, nodes);
        let mut stream = Self { world, pool, next: 0, oldest: 0 };
        let cores: i64 = nodes.iter().sum();
        (0..cores).for_each(|_| stream.submit());
        stream.world.make_ready();
        stream
    }

    fn submit(&mut self) {
        self.world.submit(&format!("small{}", self.next), wide(self.pool, 1, 1));
        self.next += 1;
    }

    /// The oldest ends, another comes before, and time passes.
    fn step(&mut self) {
        self.submit();
        self.world.make_ready();
        while self.oldest < self.next {
            let name = format!("small{}", self.oldest);
            if self.world.held(&name) == 0 && self.world.state(&name) != JobState::Succeeded {
                break;
            }
            self.oldest += 1;
            if self.world.state(&name) == JobState::Running {
                self.world.finish_of(&name, "s", 0);
                break;
            }
        }
        self.world.advance(5_000);
        self.world.check_account();
    }

    /// Lets so many small ones end, or fewer until a job has an executor; says whether it has one.
    fn serves(&mut self, name: &str, most: usize) -> bool {
        for _ in 0..most {
            if self.world.held(name) > 0 {
                return true;
            }
            self.step();
        }
        self.world.held(name) > 0
    }
}

fn without() -> Settings {
    Settings { head_of_line_milliseconds: None, ..Settings::default() }
}

#[test]
fn a_stream_of_small_jobs_does_not_starve_a_large_one() {
    let mut stream = Stream::over(without(), &[4, 4], "default");
    stream.world.submit("large", wide("default", 1, 4));
    assert!(!stream.serves("large", 200), "this is no test of starvation");

    let mut stream = Stream::over(Settings::default(), &[4, 4], "default");
    stream.world.submit("large", wide("default", 1, 4));
    assert!(stream.serves("large", 30));
    stream.world.make_ready();
    stream.world.finish_of("large", "s", 0);
    assert_eq!(stream.world.state("large"), JobState::Succeeded);
    assert_eq!(stream.world.engine.state.nodes.promising(), 0);
}

#[test]
fn the_room_is_kept_after_the_time_and_named() {
    let mut stream = Stream::over(Settings::default(), &[4, 4], "default");
    stream.world.submit("large", wide("default", 1, 4));
    stream.world.advance(TIMEOUT - 1);
    let message = "waits for its first executor: no node has 4 cpu free; largest 0";
    assert_eq!(stream.world.message("large"), message);
    stream.world.advance(1);
    let message =
        "waits for its first executor: keeps node n0 free for its executor: 0 of 4 cpu so far";
    assert_eq!(stream.world.message("large"), message);
    assert_eq!(stream.world.status("large").reason, Some(Reason::KeepsNodesFree));
    let on_node = |world: &World| {
        let smalls = (0..8).map(|index| format!("small{index}"));
        smalls.filter(|name| world.nodes(name) == ["n0"]).collect::<Vec<_>>()
    };
    let there = on_node(&stream.world);
    for name in &there[..3] {
        stream.world.finish_of(name, "s", 0);
    }
    stream.submit();
    assert_eq!(stream.world.held("small8"), 0, "the room is kept");
    let message =
        "waits for its first executor: keeps node n0 free for its executor: 3 of 4 cpu so far";
    assert_eq!(stream.world.message("large"), message);
    stream.world.finish_of(&there[3], "s", 0);
    assert_eq!((stream.world.held("large"), stream.world.held("small8")), (1, 0));
}

#[test]
fn a_gang_waits_on_several_nodes() {
    let mut stream = Stream::over(without(), &[4, 4, 4, 4], "default");
    stream.world.submit("gang", gang("default", 2, 4));
    assert!(!stream.serves("gang", 300), "this is no test of starvation");

    let mut stream = Stream::over(Settings::default(), &[4, 4, 4, 4], "default");
    stream.world.submit("gang", gang("default", 2, 4));
    assert!(stream.serves("gang", 60));
    assert_eq!(stream.world.held("gang"), 2);
}

#[test]
fn a_pool_keeps_room_for_one_job_at_a_time() {
    let mut stream = Stream::over(Settings::default(), &[4; 20], "default");
    stream.world.submit("first", wide("default", 1, 4));
    stream.world.submit("second", wide("default", 1, 4));
    stream.world.advance(TIMEOUT);
    assert!(stream.world.message("first").contains("keeps node"));
    assert!(stream.world.message("second").contains("no node has 4 cpu free"));
    assert_eq!(stream.world.engine.state.nodes.promising(), 1);
    assert!(stream.serves("first", 400));
    assert_eq!(stream.world.held("second"), 0);
    assert!(stream.serves("second", 400));
}

#[test]
fn room_is_kept_on_a_share_of_the_nodes_only() {
    for (nodes, most) in [(5, 1), (10, 1), (20, 2), (39, 3)] {
        let mut stream = Stream::over(Settings::default(), &vec![2; nodes], "default");
        for index in 0..5 {
            let pool = format!("p{index}");
            stream.world.pool(&pool, 1000);
            stream.world.submit(&pool, wide(&pool, 1, 2));
        }
        stream.world.advance(TIMEOUT);
        assert_eq!(stream.world.engine.state.nodes.promising(), most, "{nodes} nodes");
    }
}

#[test]
fn a_job_that_goes_and_a_node_that_goes_keep_nothing() {
    let mut stream = Stream::over(Settings::default(), &[4, 4], "default");
    stream.world.pool("other", 1000);
    stream.world.submit("large", wide("other", 1, 4));
    stream.world.advance(TIMEOUT);
    stream.world.lose_node("n0");
    assert!(stream.world.message("large").contains("keeps node n1 free"));
    stream.world.node(
        "n1",
        4,
        NodeObservation { offered: false, name: "n1".into(), ..NodeObservation::default() },
    );
    assert_eq!(stream.world.engine.state.nodes.promising(), 0);
    stream.world.node("n1", 4, NodeObservation { name: "n1".into(), ..NodeObservation::default() });
    assert!(stream.world.message("large").contains("keeps node n1 free"));
    stream.world.delete("large");
    assert_eq!(stream.world.engine.state.nodes.promising(), 0);
    stream.submit();
    let small = (0..8).map(|index| format!("small{index}"));
    let small: Vec<_> = small.filter(|name| stream.world.nodes(name) == ["n1"]).collect();
    stream.world.finish_of(&small[0], "s", 0);
    let held: u32 = (0..9).map(|index| stream.world.held(&format!("small{index}"))).sum();
    assert_eq!(held, 4, "others have the room");
    stream.world.check_account();
}

#[test]
fn a_claim_moves_on_from_executors_that_never_end() {
    let mut stream = Stream::over(Settings::default(), &[4, 4], "default");
    stream.world.submit("large", wide("default", 1, 4));
    stream.world.advance(TIMEOUT);
    let mut kept = Vec::new();
    for exponent in 0..12 {
        let message = stream.world.message("large");
        kept.push(u8::from(!message.contains("n0")));
        assert!(message.contains("keeps node"), "{message}");
        stream.world.advance((TIMEOUT * 10) << exponent);
    }
    assert_eq!(kept, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0]);
    assert_eq!(stream.world.engine.next_wakeup(), None, "it comes to rest");
}

#[test]
fn a_pool_with_more_than_its_share_keeps_nothing_from_those_with_less() {
    let mut stream = Stream::over(Settings::default(), &[4, 4], "default");
    stream.world.pool("rich", 1000);
    stream.world.pool("poor", 1000);
    for small in 0..8 {
        stream.world.finish_of(&format!("small{small}"), "s", 0);
    }
    stream.world.submit("rich", wide("rich", 7, 1));
    stream.world.submit("poor", wide("poor", 1, 1));
    stream.world.make_ready();
    stream.world.submit("large", wide("rich", 1, 4));
    stream.world.submit("poor2", wide("poor", 1, 1));
    stream.world.advance(TIMEOUT);
    assert!(stream.world.message("large").contains("no node has 4 cpu free"));
    assert!(stream.world.message("poor2").contains("keeps node"));
    stream.world.delete("poor2");
    assert!(stream.world.message("large").contains("keeps node"));
}

#[test]
fn limits_and_guarantees_are_kept() {
    let mut stream = Stream::over(Settings::default(), &[4, 4], "default");
    let limit = vec![("cpu".into(), 3000)];
    let name = "limited".into();
    stream.world.declare(PoolObservation { name, limit, ..PoolObservation::default() });
    stream.world.submit("limited", wide("limited", 1, 4));
    stream.world.advance(TIMEOUT);
    assert_eq!(stream.world.engine.state.nodes.promising(), 0);
    stream.world.delete("limited");

    stream.world.submit("large", wide("default", 1, 4));
    stream.world.advance(TIMEOUT);
    assert_eq!(stream.world.engine.state.nodes.promising(), 1);
    let guarantee = vec![("cpu".into(), 1000)];
    let name = "guaranteed".into();
    stream.world.declare(PoolObservation { name, guarantee, ..PoolObservation::default() });
    stream.world.submit("due", wide("guaranteed", 1, 1));
    assert_eq!(stream.world.engine.state.nodes.promising(), 0, "a guarantee goes first");
    stream.world.finish_of("small0", "s", 0);
    assert_eq!(stream.world.held("due"), 1);
    stream.world.advance(TIMEOUT);
    assert_eq!(stream.world.engine.state.nodes.promising(), 1);
    let small = stream.world.nodes("due");
    stream.world.make_ready();
    stream.world.finish_of("due", "s", 0);
    assert_eq!(
        stream.world.engine.state.nodes.promising(),
        0,
        "{small:?} is kept for the guarantee"
    );
    stream.world.delete("due");
    stream.world.tell(Event::PoolGone("guaranteed".into()));
    stream.world.tick();
    assert_eq!(stream.world.engine.state.nodes.promising(), 1);
}
