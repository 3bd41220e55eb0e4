use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What each partition reads of `files`, fed in chunks of at most `chunk` bytes, in windows as the
/// feeder asks for them.
fn read(files: &[Vec<u8>], partitions: u32, chunk: usize) -> Vec<Vec<Vec<u8>>> {
    let ends: Vec<u64> = files
        .iter()
        .scan(0, |sum, file| {
            *sum += file.len() as u64;
            Some(*sum)
        })
        .collect();
    let total = ends.last().copied().unwrap_or(0);
    (0..partitions)
        .map(|partition| {
            parts(&ends, &share(total, partition, partitions))
                .into_iter()
                .map(|part| {
                    let mut cutter = Cutter::new(&part.bytes);
                    let from = usize::try_from(cutter.reads_from()).unwrap();
                    let mut taken = Vec::new();
                    for bytes in files[part.file][from..].chunks(chunk) {
                        taken.extend_from_slice(cutter.feed(bytes));
                        if cutter.is_done() {
                            break;
                        }
                    }
                    taken
                })
                .collect()
        })
        .collect()
}

/// Bytes with many line ends, some after carriage returns, and long lines.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        2 => vec(any::<u8>(), 0..4),
        1 => vec(any::<u8>(), 0..60),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_byte_is_read_once_and_in_order(
        files in vec(file(), 0..5), partitions in 1..12_u32, chunk in 1..20_usize,
    ) {
        let read = read(&files, partitions, chunk).concat().concat();
        prop_assert_eq!(read, files.concat());
    }

    #[test]
    fn a_line_goes_to_the_partition_that_its_first_byte_lies_in(
        files in vec(file(), 1..4), partitions in 1..8_u32, chunk in 1..20_usize,
    ) {
        let total = files.concat().len() as u64;
        let mut wanted = vec![Vec::new(); partitions as usize];
        let mut position = 0;
        for file in &files {
            for line in file.split_inclusive(|&byte| byte == b'\n') {
                let owner = (0..partitions)
                    .find(|&partition| share(total, partition, partitions).contains(&position))
                    .unwrap();
                wanted[owner as usize].extend_from_slice(line);
                position += line.len() as u64;
            }
        }
        let read: Vec<Vec<u8>> =
            read(&files, partitions, chunk).into_iter().map(|parts| parts.concat()).collect();
        prop_assert_eq!(read, wanted);
    }

    #[test]
    fn shares_cover_everything_without_gaps(total: u64, partitions in 1..1000_u32) {
        prop_assert_eq!(share(total, 0, partitions).start, 0);
        prop_assert_eq!(share(total, partitions - 1, partitions).end, total);
        for partition in 1..partitions {
            prop_assert_eq!(
                share(total, partition - 1, partitions).end,
                share(total, partition, partitions).start
            );
        }
    }
}

#[test]
fn a_cutter_stops_reading_at_the_end_of_its_last_line() {
    let mut cutter = Cutter::new(&(4..6));
    assert_eq!(cutter.reads_from(), 3);
    assert_eq!(cutter.feed(b"\nab"), b"ab");
    assert!(!cutter.is_done());
    assert_eq!(cutter.feed(b"cd\nef\n"), b"cd\n");
    assert!(cutter.is_done());
}

#[test]
fn a_part_within_one_line_reads_no_further_than_itself() {
    let mut cutter = Cutter::new(&(4..6));
    assert_eq!(cutter.feed(b"abc"), b"");
    assert!(cutter.is_done());
}

#[test]
fn parts_leave_out_empty_files() {
    let part = |file, bytes| Part { file, bytes };
    assert_eq!(parts(&[3, 3, 7], &(2..5)), [part(0, 2..3), part(2, 0..2)]);
    assert_eq!(parts(&[3, 3, 7], &(3..3)), []);
    assert_eq!(parts(&[], &(0..0)), []);
}
