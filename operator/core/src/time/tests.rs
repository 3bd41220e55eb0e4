use super::{Span, Time};

#[test]
fn arithmetic_ends_where_the_time_does() {
    let (early, late) = (Time::from_milliseconds(2000), Time::from_milliseconds(3500));
    assert_eq!(early + Span::from_milliseconds(1500), late);
    assert_eq!(late.since(early), Span::from_milliseconds(1500));
    assert_eq!(early.since(late), Span::ZERO);
    assert_eq!(early - Span::from_seconds(3), Time::ZERO);
    assert_eq!(late + Span::MAX, Time::MAX);
    assert_eq!(Span::from_seconds(2) * 3, Span::from_milliseconds(6000));
    assert_eq!(Span::MAX * 2, Span::MAX);
    assert_eq!(Span::from_seconds(3).doubled(2), Span::from_seconds(12));
    assert_eq!(Span::from_seconds(3).doubled(100), Span::MAX);
    assert_eq!(Span::from_seconds(u64::MAX), Span::MAX);
    assert_eq!(Span::from_seconds(1) - Span::from_seconds(2), Span::ZERO);
    assert_eq!(Span::from_milliseconds(1999).as_seconds(), 1);
}

#[test]
fn the_text_is_that_of_the_number() {
    assert_eq!(format!("{:?}", Some(Time::from_milliseconds(5))), "Some(5)");
    assert_eq!(format!("{:?}", Span::from_seconds(5)), "5000");
}
