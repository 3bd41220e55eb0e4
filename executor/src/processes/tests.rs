use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::*;

fn process(id: u32, parent: u32) -> Process {
    Process { id, parent, group: id, ..Process::default() }
}

/// A shell that waits for the end of its input, with two children, one in another session.
struct Family(Child);

impl Family {
    fn new() -> Self {
        let mut shell = Command::new("sh");
        let script = "setsid sleep 1000 & sleep 1000 & echo started; read end";
        shell.args(["-c", script]).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut started = [0; 8];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut started).unwrap();
        Self(shell)
    }

    fn below(&self) -> Vec<u32> {
        descendants(self.0.id()).unwrap().iter().map(|process| process.id).collect()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.below().into_iter().for_each(|id| kill(id, Signal::KILL));
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_below_is_found_parents_first_and_spares_are_not() {
    let mut zombie = process(5, 2);
    zombie.is_zombie = true;
    let all = [process(9, 1), process(3, 2), process(2, 1), process(4, 3), process(6, 5), zombie];
    let below = |spare: &[u32]| -> Vec<u32> {
        below(2, spare, &all).iter().map(|process| process.id).collect()
    };
    assert_eq!(below(&[]), [3, 6, 4]);
    assert_eq!(below(&[3]), [6]);
}

#[test]
fn a_name_with_any_characters_does_not_confuse_the_rest() {
    let stat = b"7 (a) R 1 (b \xff) S 4 5 6 0 -1 0 0 0 0 0 8 9 0 0 20 0 3 0 99 4096 3 0";
    let wanted = Process {
        id: 7,
        parent: 4,
        group: 5,
        resident_bytes: 12288,
        user_ticks: 8,
        system_ticks: 9,
        threads: 3,
        is_zombie: false,
    };
    assert_eq!(parse_stat(7, stat, 4096), Some(wanted));
    assert_eq!(parse_stat(7, b"7 (a", 4096), None);
}

#[test]
fn this_process_is_among_all() {
    let own = std::process::id();
    let found = all().unwrap().into_iter().find(|process| process.id == own).unwrap();
    assert!(found.resident_bytes > 0);
    assert_eq!(found.parent, std::os::unix::process::parent_id());
}

#[tokio::test]
async fn descendants_are_killed_whatever_group_they_are_in() {
    let family = Family::new();
    let below = family.below();
    assert_eq!(below.len(), 2);
    assert_eq!(kill_descendants(family.0.id(), &[]).await.unwrap(), 2);
    assert!(family.below().is_empty());
}

#[tokio::test]
async fn spared_processes_live() {
    let family = Family::new();
    let spare = family.below()[0];
    assert_eq!(kill_descendants(family.0.id(), &[spare]).await.unwrap(), 1);
    assert_eq!(family.below(), [spare]);
}
