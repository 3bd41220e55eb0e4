use super::*;
use crate::resources::Kind;
use crate::time::Time;

fn at(milliseconds: u64) -> Time {
    Time::from_milliseconds(milliseconds)
}

fn amount(cpu: i64, memory: i64) -> Resources {
    let mut amount = Resources::NONE;
    (amount[Kind::CPU], amount[Kind::MEMORY]) = (cpu, memory);
    amount
}

fn refused(cpu: i64, memory: i64) -> Refused {
    Refused { amount: amount(cpu, memory), ports: Ranges::new() }
}

fn hides(filters: &Filters, slot: u32, cpu: i64, memory: i64) -> bool {
    filters.hides(slot, &amount(cpu, memory), &Ranges::new())
}

#[test]
fn an_offer_is_hidden_if_no_kind_of_it_grew() {
    let mut filters = Filters::default();
    filters.add(3, Refused { ports: "1-9".parse().unwrap(), ..refused(4, 8) }, at(10));
    assert!(hides(&filters, 3, 4, 8) && hides(&filters, 3, 0, 8));
    assert!(!hides(&filters, 3, 5, 1) && !hides(&filters, 3, 1, 9) && !hides(&filters, 2, 1, 1));
    assert!(filters.hides(3, &amount(1, 1), &"2-3".parse().unwrap()));
    assert!(!filters.hides(3, &amount(1, 1), &"9-10".parse().unwrap()));
}

#[test]
fn filters_of_one_node_end_each_at_its_time() {
    let mut filters = Filters::default();
    filters.add(0, refused(4, 4), at(100));
    filters.add(0, refused(8, 2), at(50));
    filters.add(1, refused(1, 1), at(70));
    assert_eq!(filters.next_end(), Some(at(50)));
    filters.hide(0);
    filters.hide(1);
    filters.end(at(50));
    assert!(!hides(&filters, 0, 8, 2) && hides(&filters, 0, 4, 4));
    // What was known of the node is to be found out anew; of the other it still holds.
    assert_eq!(filters.hidden().len(), 1);
    assert_eq!(filters.next_end(), Some(at(70)));
    filters.end(at(100));
    assert_eq!((filters.len(), filters.next_end()), (0, None));
}

#[test]
fn filters_that_hide_no_more_than_a_new_one_are_forgotten() {
    let mut filters = Filters::default();
    for time in 0..10 {
        filters.add(0, refused(1, 1), at(time));
    }
    assert_eq!((filters.len(), filters.ends.len()), (1, 1));
    // One that lasts longer stays.
    filters.add(0, refused(2, 2), at(5));
    assert_eq!(filters.len(), 2);
    filters.end(at(5));
    assert!(hides(&filters, 0, 1, 1) && !hides(&filters, 0, 2, 2));
}

#[test]
fn filters_of_a_node_and_all_filters_can_be_forgotten() {
    let mut filters = Filters::default();
    filters.add(0, refused(1, 1), at(10));
    filters.add(0, refused(2, 0), at(20));
    filters.add(1, refused(1, 1), at(30));
    filters.hide(0);
    filters.hide(1);
    filters.forget_slot(0);
    assert!(!hides(&filters, 0, 1, 1) && hides(&filters, 1, 1, 1));
    assert_eq!((filters.hidden().len(), filters.next_end()), (1, Some(at(30))));
    filters.clear();
    assert_eq!((filters.len(), filters.hidden().len(), filters.next_end()), (0, 0, None));
}
