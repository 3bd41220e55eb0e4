//! Whatever traces and scenarios say, they are refused, or come to an end.

use proffer_core::event::PoolObservation;
use proffer_fuzz::Target;

use super::order::{OrderChoice, chosen};
use super::scenarios::Scenario;
use super::{Scene, compare, table, trace};
use crate::fuzz::run;
use crate::local;

#[test]
fn scenario_files() {
    run(&Target::named("scenarios").with("tests/scenarios", ".yaml"), |text| {
        if let Ok(scenario) = Scenario::parse("x.yaml", text) {
            drop(scenario.run());
        }
    });
}

/// Longer traces end as well, but not while one waits.
const MOST_TASKS: u32 = 5000;

#[test]
fn trace_files() {
    let names = ["analytics", "data.etl", "data.research", "default"];
    let pools =
        names.map(|name| PoolObservation { name: name.into(), ..PoolObservation::default() });
    run(&Target::named("traces").with("manifests/simulate", ".csv"), |text| {
        let Ok(jobs) = trace::parse("jobs.csv", text, &names) else { return };
        if jobs.iter().map(|job| job.tasks.saturating_add(job.executors)).sum::<u32>() > MOST_TASKS
        {
            return;
        }
        let scene = Scene {
            nodes: local::nodes(&["2x16cpu,64Gi".parse().unwrap()]).unwrap(),
            pools: pools.to_vec(),
            jobs,
            start_delay: "1".parse().unwrap(),
            share_half_life: None,
            time_limit: "1000000000".parse().unwrap(),
        };
        if let Ok(report) = compare(&scene, &chosen(&[OrderChoice::Hdrf])) {
            drop(table::render(&report));
            drop(serde_json::to_string(&report));
        }
    });
}
