//! Maintenance of nodes that operators schedule as in Mesos.

use proffer_core::time::{Span, Time};
use proffer_mesos::from_value;
use proffer_mesos::types::Unavailability;
use serde_json::{Value, json};

use super::super::world::World;
use super::super::{CREATED, on_another_wall};
use super::{Framework, none};
use crate::clock::Wall;

impl World {
    fn schedule_maintenance(&mut self, node: &str, unavailability: &Value) {
        let windows = json!([
            {"machine_ids": [{"hostname": node}], "unavailability": unavailability},
        ]);
        let call = json!({
            "type": "UPDATE_MAINTENANCE_SCHEDULE",
            "update_maintenance_schedule": {"schedule": {"windows": windows}},
        });
        let now = self.now;
        let (master, engine) = self.operator.mesos().unwrap();
        let market = engine.market();
        assert_eq!(master.operate(now, &call, &market).0, 200);
        self.advance(2000);
    }

    /// What was told last of when a node is away, in an offer and in an inverse offer.
    fn last_unavailable(&self, framework: &Framework) -> [Option<Unavailability>; 2] {
        let told = self.events.iter().filter_map(|(_, event)| event.inverse_offers.as_ref());
        let last = told.flat_map(|told| &told.inverse_offers).last();
        let inverse = last.map(|offer| offer.unavailability.clone());
        [self.last_offer(framework).unavailability, inverse]
    }
}

#[test]
fn frameworks_are_told_of_maintenance_by_the_clock_of_the_wall() {
    let mut world = on_another_wall();
    let framework = world.subscribe(&none());
    world.run(&framework, "t", &json!({})).unwrap();
    let unavailability = json!({
        "start": {"nanoseconds": 1_795_550_400_000_000_000_i64},
        "duration": {"nanoseconds": 3_600_000_000_000_i64},
    });
    world.schedule_maintenance("n1", &unavailability);
    let written: Unavailability = from_value(&unavailability).unwrap();
    let check = |world: &World| {
        let told = world.last_unavailable(&framework);
        assert_eq!(told, [Some(written.clone()), Some(written.clone())]);
        let annotations = world.nodes["n1"].metadata.annotations.as_ref().unwrap();
        let annotation = &annotations["proffer.dev/maintenance"];
        assert_eq!(annotation, "2026-11-24T20:00:00Z/2026-11-24T21:00:00Z");
    };
    check(&world);
    // It is set once more.
    let later = Time::from_milliseconds(CREATED) + Span::from_seconds(310);
    world.operator.set_wall(Wall::ahead_by(later.since(world.now)));
    world.advance(2000);
    check(&world);
}
