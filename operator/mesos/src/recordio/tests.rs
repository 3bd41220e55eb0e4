use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn records_come_through_in_any_pieces(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        cuts in prop::collection::vec(0_usize..250, 0..12),
    ) {
        let mut stream = Vec::new();
        records.iter().for_each(|record| encode(record, &mut stream));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut decoder = Decoder::default();
        let mut read = Vec::new();
        for piece in cuts.windows(2) {
            read.extend(decoder.push(&stream[piece[0]..piece[1]]).unwrap());
        }
        prop_assert_eq!(read, records);
        prop_assert!(decoder.is_between_records());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = Decoder::new(16).push(&bytes);
    }
}

/// The example of Mesos's documentation, cut at every byte.
#[test]
fn the_documented_stream_is_read_at_any_cut() {
    let stream = b"20\n{\"type\":\"HEARTBEAT\"}20\n{\"type\":\"RESCINDED\"";
    for cut in 0..stream.len() {
        let mut decoder = Decoder::default();
        let mut read = decoder.push(&stream[..cut]).unwrap();
        read.extend(decoder.push(&stream[cut..]).unwrap());
        assert_eq!(read, [b"{\"type\":\"HEARTBEAT\"}".to_vec()], "cut at {cut}");
        assert!(!decoder.is_between_records());
    }
}

#[test]
fn lengths_are_bounded() {
    let too_long = RecordProblem::TooLong { length: 17, maximum: 16 };
    let mut decoder = Decoder::new(16);
    assert_eq!(decoder.push(b"17\n"), Err(too_long.clone()));
    assert_eq!(decoder.push(b"1\na"), Err(too_long));
    assert!(matches!(Decoder::default().push(b"-1\n"), Err(RecordProblem::Length(_))));
    assert!(matches!(Decoder::default().push(b"\n"), Err(RecordProblem::Length(_))));
    assert!(matches!(Decoder::default().push(&[b'1'; 21]), Err(RecordProblem::Length(_))));
}
