//! Panics of what is played are broken promises, told as such. All others are bugs of this program, and
//! are seen.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

thread_local! {
    /// While something is played: where it panicked.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics of what is played are not printed: while a run is made shorter there are many.
pub(super) fn tell_apart() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        if PLACE.with_borrow(Option::is_some) {
            PLACE.set(panic.location().map(ToString::to_string).or_else(|| Some(String::new())));
        } else {
            usual(panic);
        }
    }));
}

/// Plays something. A panic is a failure like any other; what it leaves behind is thrown away.
pub(super) fn caught(play: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    PLACE.set(Some(String::new()));
    let played = catch_unwind(AssertUnwindSafe(play));
    let place = PLACE.take().unwrap_or_default();
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic at {place}: {}", text.unwrap_or("without a message")))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static SEEN: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn only_panics_of_what_is_played_are_kept_from_sight() {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            SEEN.set(SEEN.get() + 1);
            usual(panic);
        }));
        tell_apart();
        let message = caught(|| panic!("the engine is wrong")).unwrap_err();
        assert!(
            message.starts_with("panic at operator/src/simulate/faults/panics.rs:"),
            "{message}"
        );
        assert!(message.ends_with(": the engine is wrong"), "{message}");
        assert_eq!((SEEN.get(), caught(|| Ok(()))), (0, Ok(())));
        assert!(catch_unwind(|| panic!("whoever plays is wrong")).is_err());
        assert_eq!(SEEN.get(), 1);
    }
}
