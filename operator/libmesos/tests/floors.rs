//! Modules use only floors below their own: `src/lib.rs` lists them in that order.

#[test]
fn every_module_uses_only_floors_below_its_own() {
    proffer_house::assert_floors(env!("CARGO_MANIFEST_DIR"));
}
