//! After Mesos's `sorter_tests.cpp`; the names are those of the tests there.

use super::*;

struct World(Sorter);

impl World {
    fn new(total: i64) -> Self {
        let mut sorter = Sorter::new(Fairness::Drf);
        sorter.set_total(&amount(total)).unwrap();
        Self(sorter)
    }

    /// Adds a client that holds so much of everything, given at once.
    fn client(mut self, path: &str, held: i64) -> Self {
        self.0.add(path);
        if held > 0 {
            self.0.allocate(path, &amount(held)).unwrap();
        }
        self
    }
}

fn amount(amount: i64) -> Vec<(Box<str>, i64)> {
    vec![("cpu".into(), amount), ("memory".into(), amount)]
}

#[test]
fn weighted_drf() {
    let mut world = World::new(100).client("a", 5).client("b", 6);
    assert_eq!(world.0.order(), ["a", "b"]);
    world.0.set_weight("b", 2000);
    assert_eq!(world.0.order(), ["b", "a"]);
}

#[test]
fn allocation_count_tie_break() {
    let mut world = World::new(10).client("a", 1).client("b", 1);
    world.0.unallocate("a", &amount(1)).unwrap();
    world.0.allocate("a", &amount(1)).unwrap();
    assert_eq!(world.0.order(), ["b", "a"], "a was given something twice");
}

#[test]
fn hierarchical_allocation() {
    let world = World::new(100).client("a", 6).client("b.c", 3).client("b.d", 2);
    assert_eq!(world.0.order(), ["b.d", "b.c", "a"], "b holds 5 of 100");
    let world = world.client("b.e", 4);
    assert_eq!(world.0.order(), ["a", "b.d", "b.c", "b.e"], "b holds 9 of 100");
}

#[test]
fn add_child_to_leaf() {
    let world = World::new(100).client("a", 5).client("b", 6).client("a.c", 10);
    assert_eq!(world.0.order(), ["b", "a", "a.c"], "what a holds itself stands beside a.c");
}

#[test]
fn remove_leaf_collapse_parent() {
    let mut world = World::new(100).client("a", 5).client("b", 6).client("a.c", 10);
    world.0.remove("a.c");
    assert_eq!(world.0.order(), ["a", "b"]);
}

#[test]
fn inactive_clients_are_not_asked() {
    let mut world = World::new(100).client("a", 5).client("b", 6);
    world.0.set_active("a", false);
    assert_eq!(world.0.order(), ["b"]);
    world.0.set_active("a", true);
    assert_eq!(world.0.order(), ["a", "b"]);
}
