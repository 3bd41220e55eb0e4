use super::*;
use crate::arena::Id;

fn at(seconds: u64) -> Time {
    Time::ZERO + crate::time::Span::from_seconds(seconds)
}

#[test]
fn a_timer_fires_once_when_its_time_has_come() {
    let (first, second) = (JobId::at(1), JobId::at(0));
    let mut agenda = Agenda::default();
    agenda.set_timer(at(5), second);
    agenda.set_timer(at(3), first);
    assert_eq!(agenda.wakeup(), Some(at(3)));
    assert_eq!(agenda.take_timer(at(2)), None);
    assert_eq!(agenda.take_timer(at(5)), Some(first));
    assert_eq!(agenda.take_timer(at(5)), Some(second));
    assert_eq!((agenda.take_timer(at(9)), agenda.wakeup()), (None, None));
}

#[test]
fn a_job_that_is_gone_is_not_looked_at() {
    let (gone, other) = (JobId::at(0), JobId::at(1));
    let mut agenda = Agenda::default();
    for job in [gone, other] {
        agenda.touch(job);
        agenda.set_timer(at(1), job);
    }
    agenda.forget(gone);
    assert_eq!(agenda.touched().collect::<Vec<_>>(), [other]);
    assert!(!agenda.wakes(gone) && agenda.wakes_by(at(1), other));
}

#[test]
fn what_a_tick_leaves_makes_the_next_one_due_at_once() {
    let mut agenda = Agenda::default();
    agenda.note_room(NodeId::at(0));
    assert_eq!(agenda.wakeup(), None, "the tick that is due anyway takes it");
    agenda.end_tick();
    assert_eq!(agenda.wakeup(), Some(Time::ZERO));
    assert!(!agenda.take_due().is_empty());
    agenda.end_tick();
    assert_eq!(agenda.wakeup(), None);
}

#[test]
fn what_concerns_one_job_stays_due_when_everybody_was_asked() {
    let mut agenda = Agenda::default();
    agenda.ask_all();
    agenda.ask(JobId::at(0));
    agenda.note_all_asked();
    let due = agenda.take_due();
    assert!(!due.is_empty() && !due.is_for_all());
}
