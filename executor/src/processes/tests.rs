use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::*;

fn process(id: u32, parent: u32) -> Process {
    Process { id, parent, group: id, resident_bytes: 0, is_zombie: false }
}

/// A shell with a child in another session, both told when to go on by nobody.
fn family() -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", "setsid sleep 1000 & echo started; sleep 1000"]);
    let mut shell = shell.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let mut started = [0; 8];
    std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut started).unwrap();
    shell
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
    let stat = b"7 (a) R 1 (b \xff) S 4 5 6 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99 4096 3 0";
    let wanted = Process { id: 7, parent: 4, group: 5, resident_bytes: 12288, is_zombie: false };
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
    let mut shell = family();
    let below = descendants(shell.id()).unwrap();
    assert!(!below.is_empty());
    let killed = kill_descendants(shell.id(), &[]).await.unwrap();
    assert!(killed >= below.len());
    assert!(descendants(shell.id()).unwrap().is_empty());
    shell.kill().unwrap();
    shell.wait().unwrap();
}

#[tokio::test]
async fn spared_processes_live() {
    let mut shell = family();
    let spare = descendants(shell.id()).unwrap()[0].id;
    kill_descendants(shell.id(), &[spare]).await.unwrap();
    let left: Vec<u32> = descendants(shell.id()).unwrap().iter().map(|left| left.id).collect();
    assert_eq!(left, [spare]);
    kill_descendants(shell.id(), &[]).await.unwrap();
    shell.kill().unwrap();
    shell.wait().unwrap();
}
