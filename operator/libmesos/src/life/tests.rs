use std::sync::Arc;
use std::sync::mpsc::channel;

use super::*;

fn started() -> Life {
    let life = Life::new();
    assert_eq!(life.start(|| Ok(())), Status::Running);
    life
}

#[test]
fn what_stop_and_abort_say_is_what_mesos_says() {
    let life = Life::new();
    assert_eq!((life.abort(), life.stop(|| ())), (Status::NotStarted, Status::NotStarted));
    let life = started();
    assert_eq!((life.stop(|| ()), life.abort()), (Status::Stopped, Status::Stopped));
    let life = started();
    assert_eq!((life.abort(), life.stop(|| ())), (Status::Aborted, Status::Aborted));
    assert_eq!(life.status(), Status::Stopped);
}

#[test]
fn a_driver_starts_once() {
    let life = started();
    assert_eq!(life.start(|| panic!("it runs already")), Status::Running);
    life.stop(|| ());
    assert_eq!(life.start(|| panic!("it has ended")), Status::Stopped);
}

#[test]
fn a_driver_whose_threads_cannot_start_is_aborted() {
    let life = Life::new();
    assert_eq!(life.start(|| Err(std::io::Error::other("none"))), Status::Aborted);
    assert_eq!(life.join(), Status::Aborted);
}

#[test]
fn goodbye_is_said_by_a_driver_that_runs_before_whoever_waits_goes_on() {
    let life = Arc::new(started());
    let (said, heard) = channel();
    let waiter = {
        let life = Arc::clone(&life);
        thread::spawn(move || {
            let status = life.join();
            (status, heard.try_recv())
        })
    };
    life.stop(|| said.send("goodbye").unwrap());
    assert_eq!(waiter.join().unwrap(), (Status::Stopped, Ok("goodbye")));
    life.stop(|| panic!("it does not run"));
}

#[test]
fn pauses_grow_to_a_longest_one() {
    let mut pauses = Pauses::new();
    let all: Vec<u128> = (0..8).map(|_| pauses.next().as_millis()).collect();
    assert_eq!(all, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
}
