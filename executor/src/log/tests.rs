use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn lines_are_logged_when_they_are_complete() {
    let mut lines = Lines::new("j/s/0: ".into());
    assert_eq!(text(lines.push(b"one\ntw")), "j/s/0: one\n");
    assert_eq!(text(lines.push(b"o\n\nthr")), "j/s/0: two\nj/s/0: \n");
    assert_eq!(text(lines.finish()), "j/s/0: thr\n");
    assert_eq!(text(lines.finish()), "");
}

#[test]
fn long_lines_are_cut_between_characters() {
    let mut lines = Lines::new("".into());
    let long = "a".to_owned() + &"é".repeat(PIECE_BYTES);
    let cut = text(lines.push(long.as_bytes())) + &text(lines.finish());
    assert_eq!(cut.replace('\n', ""), long);
    assert!(cut.lines().count() > 2);
    assert!(cut.lines().all(|line| line.len() <= PIECE_BYTES));
}

#[test]
fn what_is_not_text_is_logged_all_the_same() {
    let mut lines = Lines::new("".into());
    assert_eq!(text(lines.push(b"a\xff\x00b\n")), "a\u{fffd}\0b\n");
    let binary = vec![0x80; 3 * PIECE_BYTES];
    assert!(!lines.push(&binary).is_empty());
    assert!(lines.partial.len() <= PIECE_BYTES);
}

#[test]
fn the_tail_is_the_last_two_kibibytes() {
    let mut tail = Tail::default();
    tail.push(b"early ");
    (0..10_000).for_each(|number| tail.push(format!("{number}\n").as_bytes()));
    let end = tail.text();
    assert!(end.len() <= TAIL_BYTES && end.len() > TAIL_BYTES - 8);
    assert!(end.ends_with("9998\n9999\n"));
    assert!(tail.0.len() <= 4 * TAIL_BYTES);
}

#[test]
fn colours_and_carriage_returns_are_left_out_of_the_tail() {
    let mut tail = Tail::default();
    tail.push(b"\x1b[31mred\x1b[0m\tx\r\n");
    assert_eq!(tail.text(), "[31mred[0m\tx\n");
}

proptest! {
    #[test]
    fn a_tail_is_short_whatever_is_pushed(pushes in vec(vec(any::<u8>(), 0..3000), 0..5)) {
        let mut tail = Tail::default();
        pushes.iter().for_each(|bytes| tail.push(bytes));
        let end = tail.text();
        prop_assert!(end.len() <= TAIL_BYTES);
        prop_assert!(serde_json::to_string(&end).unwrap().len() <= 2 * TAIL_BYTES + 2);
    }

    #[test]
    fn a_tail_of_text_is_its_end(words in vec("[a-zé€😀]{0,300}", 0..8)) {
        let mut tail = Tail::default();
        words.iter().for_each(|word| tail.push(word.as_bytes()));
        let all = words.concat();
        let end = tail.text();
        prop_assert!(all.ends_with(&end));
        prop_assert!(end.len() + 3 >= all.len().min(TAIL_BYTES));
    }
}
