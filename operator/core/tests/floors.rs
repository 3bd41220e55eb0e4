//! Modules use only floors below their own: `src/lib.rs` lists them in that order.

#[test]
fn every_module_uses_only_floors_below_its_own() {
    proffer_house::assert_floors(env!("CARGO_MANIFEST_DIR"));
}

#[test]
fn what_is_offered_is_decided_without_knowing_jobs() {
    let allocation = ["pools", "nodes", "explain", "frameworks", "allocator", "sorter"];
    let apart = ["jobs", "engine"];
    proffer_house::assert_apart(env!("CARGO_MANIFEST_DIR"), &allocation, &apart);
}

#[test]
fn no_book_of_the_engine_knows_the_engine() {
    let words = ["arena", "ensure", "event", "ids", "resources", "time"];
    let things = ["allocator", "executors", "frameworks", "jobs", "nodes", "reclaim"];
    let may_use = [words, things].concat();
    proffer_house::assert_uses_only(env!("CARGO_MANIFEST_DIR"), "engine/books", &may_use);
}
