//! What the engine keeps in memory: `cargo bench -p proffer-tests --bench memory`.
//!
//! Bytes that are allocated after each step, over what was added in it.

mod clusters;

use std::alloc::System;

use cap::Cap;
use clusters::{Cluster, Size, job, node, pool};
use proffer_core::engine::{Engine, Settings};
use proffer_core::time::Time;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const SIZE: Size = Size { nodes: 50_000, pools: 1000, jobs: 10_000, executors: 5 };

fn main() {
    let mut engine = Engine::new(Settings::default());
    let mut before = ALLOCATOR.allocated();
    let mut print = |what: &str, count: u32| {
        let after = ALLOCATOR.allocated();
        let each = after.saturating_sub(before) / count as usize;
        println!("{count:6} {what:10} {each:6} bytes each");
        before = after;
    };
    (0..SIZE.nodes).for_each(|index| engine.handle(Time::ZERO, node(index)));
    print("nodes", SIZE.nodes);
    (0..SIZE.pools).for_each(|index| engine.handle(Time::ZERO, pool(index)));
    print("pools", SIZE.pools);
    (0..SIZE.jobs).for_each(|index| engine.handle(Time::ZERO, job(index, SIZE)));
    print("jobs", SIZE.jobs);
    drop(engine.tick(Time::ZERO));
    print("executors", SIZE.jobs * SIZE.executors);
    drop(engine);
    // What a round needs while it runs comes and goes; the most at once is what a machine must have.
    let idle = ALLOCATOR.allocated();
    let mut cluster = Cluster::new(SIZE);
    drop(cluster.tick());
    let most = ALLOCATOR.max_allocated().saturating_sub(idle);
    println!("at most {} MiB at once, with all actions of the first filling", most >> 20);
}
