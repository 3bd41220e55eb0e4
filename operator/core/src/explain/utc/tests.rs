use super::Utc;
use crate::time::Time;

fn day(days: u64) -> String {
    Utc(Time::from_milliseconds(days * 86_400_000)).to_string()
}

#[test]
fn every_day_follows_the_one_before() {
    let length = |year: u64, month: u64| match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let mut days = 0;
    for year in 1970..2420 {
        for month in 1..=12 {
            for date in 1..=length(year, month) {
                assert_eq!(day(days), format!("{year:04}-{month:02}-{date:02}T00:00:00Z"));
                days += 1;
            }
        }
    }
}

#[test]
fn seconds_are_cut_and_not_rounded() {
    assert_eq!(Utc(Time::from_milliseconds(86_399_999)).to_string(), "1970-01-01T23:59:59Z");
    // However large, it is only wrong.
    assert!(Utc(Time::MAX).to_string().ends_with('Z'));
}
