use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn target() -> Target {
    Target {
        name: "x".to_owned(),
        corpus: vec![b"size: 12 of 34\n".to_vec(), b"{}".to_vec()],
        inputs: INPUTS,
    }
}

#[test]
fn inputs_are_those_of_the_corpus_and_many_others() {
    let seen = RefCell::new(Vec::new());
    target().run(|input| seen.borrow_mut().push(input.to_vec()));
    let seen = seen.into_inner();
    assert_eq!(seen[..2], target().corpus);
    let different: BTreeSet<_> = seen.iter().collect();
    assert!(different.len() > INPUTS as usize / 2, "{}", different.len());
    let has = |piece: &[u8]| {
        different.iter().any(|input| input.windows(piece.len()).any(|it| it == piece))
    };
    assert!(has(b"size: 1e39") && has(b"\0") && has(b"{}12"));
}

#[test]
fn what_breaks_is_told_with_the_shortest_input() {
    let broken = catch_unwind(AssertUnwindSafe(|| {
        target().run(|input| assert!(!input.windows(2).any(|two| two == b"Ei"), "no Ei"));
    }));
    let message = broken.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("x: no Ei"), "{message}");
    assert!(message.contains("9Ei"), "{message}");
}
