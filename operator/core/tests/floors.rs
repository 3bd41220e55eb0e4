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
    let books = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine/books");
    let files = std::fs::read_dir(books).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.is_file()).collect();
    assert!(!files.is_empty(), "there are no books in {books}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let above = ["Engine", "crate::engine", "super::super"];
        let upward: Vec<_> =
            code.filter(|line| above.iter().any(|word| line.contains(word))).collect();
        let file = file.display();
        assert!(
            upward.is_empty(),
            "{file} uses what stands above it, ask the book instead: {upward:?}"
        );
    }
}
