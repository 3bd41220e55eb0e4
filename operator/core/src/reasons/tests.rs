use super::{Reason, UnknownReason, read_failure};

#[test]
fn every_word_is_read_as_it_is_written() {
    for &reason in Reason::ALL {
        assert_eq!(reason.as_str().parse(), Ok(reason));
        assert_eq!(format!("{reason:?}"), format!("\"{reason}\""));
    }
    assert_eq!("Nothing".parse::<Reason>(), Err(UnknownReason));
}

#[test]
fn only_words_of_failures_are_read_again() {
    assert_eq!(read_failure("TaskLost"), Some(Reason::TaskLost));
    assert_eq!(read_failure("LimitReached"), None);
}
