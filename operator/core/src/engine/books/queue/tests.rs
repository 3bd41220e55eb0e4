use super::*;
use crate::arena::Id;
use crate::engine::books::Agenda;
use crate::ids::NodeId;
use crate::nodes::Reach;
use crate::resources::Kind;

fn job(number: u32) -> JobId {
    JobId::at(number)
}

/// What an executor needs that takes so much cpu.
fn shape(cpu: i64) -> Shape {
    let mut request = Resources::NONE;
    request[Kind::CPU] = cpu;
    (request, Reach::default())
}

#[test]
fn who_waits_for_room_is_not_asked_while_there_is_no_more() {
    let mut queue = Queue::default();
    for number in 0..3 {
        assert!(queue.join(job(number)));
    }
    queue.refuse(job(0), Some(shape(1000)));
    queue.refuse(job(1), None);
    let mut agenda = Agenda::default();
    agenda.ask(job(2));
    // A job that wants nothing is not asked, whatever is new.
    agenda.ask(job(3));
    let helped = queue.helped_by(agenda.take_due(), &Nodes::default());
    assert_eq!(helped, Some([job(1), job(2)].into()));
}

#[test]
fn everybody_is_asked_when_many_nodes_have_more_room_or_a_job_waits_for_a_node() {
    let mut queue = Queue::default();
    let mut agenda = Agenda::default();
    (0..65).for_each(|node| agenda.note_room(NodeId::at(node)));
    assert_eq!(queue.helped_by(agenda.take_due(), &Nodes::default()), None);
    queue.await_node(job(0));
    agenda.ask(job(0));
    assert_eq!(queue.helped_by(agenda.take_due(), &Nodes::default()), None);
}

#[test]
fn a_smaller_node_may_be_too_small_for_those_that_fitted() {
    let mut queue = Queue::default();
    queue.join(job(0));
    queue.join(job(1));
    queue.refuse(job(0), Some(shape(1000)));
    queue.refuse(job(1), Some(shape(3000)));
    let too_large = queue.too_large(&shape(4000).0, &shape(2000).0);
    assert_eq!(too_large, [job(1)]);
    queue.leave(job(1));
    assert!(queue.too_large(&shape(4000).0, &shape(2000).0).is_empty());
}
