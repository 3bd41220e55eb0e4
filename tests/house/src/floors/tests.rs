//! Small crates, in and out of order.

use std::collections::BTreeMap;

use super::{House, leaving};

/// A crate of these files: `src/lib.rs` is the first, the others are named.
fn house(lib: &str, files: &[(&str, &str)]) -> House {
    let mut sources: BTreeMap<&str, &str> = files.iter().copied().collect();
    sources.insert("src/lib.rs", lib);
    House::read(|file| sources.get(file).map(|text| (*text).to_owned())).unwrap()
}

const TWO_FLOORS: &str = "
//! A crate.

// Words.
pub mod time;
mod names;

// The cluster.
mod nodes;
pub(crate) mod pools;

pub use nodes::{Node, NodeKey};
pub const LIMIT: u32 = 3;
";

/// The problems of a crate of two floors with these files; the other modules are empty.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let empty = ["src/time.rs", "src/names.rs", "src/nodes.rs", "src/pools.rs"];
    let files: Vec<_> = empty.map(|file| (file, "")).iter().chain(files).copied().collect();
    house(TWO_FLOORS, &files).upward()
}

#[test]
fn uses_that_go_down_are_in_order() {
    let nodes =
        "use crate::{names::Name, time::{self, Span}};\nmod index;\nfn f(_: crate::time::Time) {}";
    let index =
        "use super::super::time; use super::f; use crate::nodes::index; fn g(self: &Self) {}";
    assert_eq!(problems(&[("src/nodes.rs", nodes), ("src/nodes/index.rs", index)]), [""; 0]);
}

#[test]
fn a_use_that_goes_up_is_told_with_what_to_do() {
    let told = problems(&[("src/time.rs", "//! Time.\n\nuse crate::nodes::Node;\n")]);
    assert_eq!(
        told,
        ["src/time.rs:3: `time` uses `crate::nodes::Node`, on a higher floor.
  `time` stands on floor 1 (Words), `nodes` on floor 2 (The cluster).
  A module uses only floors below its own. If `Node` is a word that both need, move it to a module below \
          `time`; otherwise let `nodes` call `time`, or change the order of the `mod` lines in src/lib.rs."]
    );
}

/// Whatever form a path has, and wherever it stands, it is a use.
#[test]
fn every_form_of_a_path_is_a_use() {
    let forms = [
        "use crate::nodes;",
        "use crate::{time, nodes::{index::Tree, Node}};",
        "use super::nodes::Node;",
        "use super::{names, nodes::Node};",
        "use self::super::nodes::*;",
        "pub(crate) use crate::nodes::Node as Other;",
        "fn f(node: &crate::nodes::Node) {}",
        "fn f() { let node = crate::nodes::Node::default(); }",
        "fn f() { println!(\"{}\", crate::nodes::count()) }",
        "crate::nodes::declare!(a, b);",
        "macro_rules! name { () => { $crate::nodes::Node } }",
        "mod inner { use super::super::nodes::Node; }",
        "mod inner { use super::{super::nodes::Node, Other}; }",
        "#[derive(Debug)] struct A { #[cfg(test)] b: u32, node: crate::nodes::Node }",
        "#[cfg(test)] fn f() {} use crate::nodes::Node;",
        "#[cfg(test)] const A: B = B { c: 1 }; use crate::nodes::Node;",
        "#[cfg(any(test, unix))] use crate::nodes::Node;",
        "fn f() { match a { #[cfg(test)] b if b < 1 => 2, _ => crate::nodes::g() } }",
        "use crate::Node;",
    ];
    for form in forms {
        let told = problems(&[("src/time.rs", form)]);
        assert_eq!(told.len(), 1, "{form}: {told:?}");
        assert!(told[0].starts_with("src/time.rs:1: `time` uses `crate::nodes"), "{told:?}");
    }
}

#[test]
fn modules_of_one_floor_do_not_use_each_other() {
    let told = problems(&[("src/pools.rs", "use crate::nodes::Node;")]);
    assert!(told[0].contains("`crate::nodes::Node`, on the same floor"), "{told:?}");
}

#[test]
fn words_use_each_other_without_circles() {
    let names = ("src/names.rs", "use crate::time::Time;");
    assert_eq!(problems(&[names]), [""; 0]);
    let told = problems(&[names, ("src/time.rs", "use crate::names::Name;")]);
    assert!(
        told[0].starts_with("names → time → names") || told[0].starts_with("time → names → time")
    );
}

#[test]
fn nothing_uses_the_roof() {
    let told = problems(&[("src/pools.rs", "use crate::LIMIT;")]);
    assert!(told[0].contains("which `src/lib.rs` has itself"), "{told:?}");
}

#[test]
fn tests_use_what_they_like() {
    let time = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[allow(x)]\nmod inline { use crate::nodes::A; }\n\
                #[cfg(test)]\nuse crate::{nodes::B, pools::C};\n#[cfg(test)]\nfn f() { crate::nodes::g() }";
    assert_eq!(problems(&[("src/time.rs", time)]), [""; 0]);
    for form in [
        "#[cfg(test)] fn f<A, B>() { crate::nodes::g() }",
        "#[cfg(test)] pub(crate) fn f<A>() where A: B, C: D { crate::nodes::g() }",
        "#[cfg(test)] impl<A, B> C<A, B> for D { type E = crate::nodes::F; }",
        "#[cfg(test)] const A: B<C, D> = B { c: 1, d: crate::nodes::E };",
        "struct A { #[cfg(test)] b: C<D, crate::nodes::E>, f: u32 }",
        "#[cfg(all(test, unix))] use crate::nodes::A;",
        "#[cfg(any(test, all(unix, test)))] use crate::nodes::A;",
    ] {
        assert_eq!(problems(&[("src/time.rs", form)]), [""; 0], "{form}");
    }
}

#[test]
fn a_module_uses_only_what_it_may() {
    let told = |page: &str| {
        let sources = BTreeMap::from([
            ("src/engine/books.rs", "mod page; use crate::time::Time;"),
            ("src/engine/books/page.rs", "mod line; #[cfg(test)] mod tests;"),
            ("src/engine/books/page/line.rs", page),
        ]);
        let source = |file: &str| sources.get(file).map(|text| (*text).to_owned());
        leaving(source, "engine/books", &["time"]).unwrap()
    };
    for form in [
        "use crate::time::Time; use super::super::page::Other; use crate::engine::books::page::A;",
        "use super::super::super::books::A;",
        "#[cfg(test)] use crate::engine::Engine;",
    ] {
        assert_eq!(told(form), [""; 0], "{form}");
    }
    for form in [
        "use crate::{time::Time, engine::Engine};",
        "use super::super::super::Engine;",
        "use super::super::super::offer::A;",
        "fn f(state: &crate::state::State) {}",
    ] {
        let told = told(form);
        assert_eq!(told.len(), 1, "{form}: {told:?}");
        assert!(
            told[0].starts_with("src/engine/books/page/line.rs:1: `engine/books` uses `crate::")
        );
    }
}

#[test]
fn modules_that_are_kept_apart_do_not_reach_each_other() {
    let lib = "mod words;\n\nmod low;\n\nmod middle;\n\nmod high;";
    let files = [
        ("src/words.rs", ""),
        ("src/low/mod.rs", ""),
        ("src/middle.rs", "use crate::low::A;"),
        ("src/high.rs", "\nuse crate::middle::B;"),
    ];
    let house = house(lib, &files);
    assert_eq!(house.reaching(&["middle", "low"], &["words", "high"]), [""; 0]);
    assert_eq!(
        house.reaching(&["high"], &["low"]),
        [
            "`high` may not reach `low`, and does: high → middle → low\n  src/high.rs:2: `crate::middle::B`\n  \
          src/middle.rs:1: `crate::low::A`"
        ]
    );
    assert_eq!(house.reaching(&["hihg"], &["low"]), ["there is no module `hihg`"]);
}

#[test]
fn a_file_that_is_missing_or_no_rust_is_named() {
    let read = |text: Option<&str>| {
        let source = |file: &str| match file {
            "src/lib.rs" => Some("mod time;".to_owned()),
            _ => text.map(str::to_owned),
        };
        House::read(source).err().unwrap()
    };
    assert_eq!(read(None), "neither src/time.rs nor src/time/mod.rs can be read");
    assert!(read(Some("fn f( {")).starts_with("src/time.rs is not Rust: "));
}
