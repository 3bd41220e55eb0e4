use super::*;
use proptest::prelude::*;

fn milli(text: &str) -> Option<i128> {
    text.parse::<Quantity>().ok().map(|quantity| quantity.milli)
}

#[test]
fn reads_every_form_of_the_kubernetes_documentation() {
    let cases = [
        ("0", 0),
        ("1", 1_000),
        ("-1", -1_000),
        ("+1", 1_000),
        ("1.", 1_000),
        (".5", 500),
        ("0.1", 100),
        ("100m", 100),
        ("1e3", 1_000_000),
        ("1E3", 1_000_000),
        ("1e+3", 1_000_000),
        ("12e-1", 1_200),
        ("1k", 1_000_000),
        ("1Ki", 1_024_000),
        ("1.5Gi", 1_610_612_736_000),
        ("128974848", 128_974_848_000),
        ("129e6", 129_000_000_000),
        ("129M", 129_000_000_000),
        ("123Mi", 128_974_848_000),
        ("1E", 1_000_000_000_000_000_000_000),
        ("7Ei", 8_070_450_532_247_928_832_000),
    ];
    for (text, expected) in cases {
        assert_eq!(milli(text), Some(expected), "{text}");
    }
}

#[test]
fn rounds_finer_values_away_from_zero() {
    for (text, expected) in [
        ("0.1m", 1),
        ("-0.1m", -1),
        ("1n", 1),
        ("1u", 1),
        ("1001u", 2),
        ("1e-100", 1),
        ("0e-100", 0),
        ("1e-99999999999999999999", 1),
        ("0.0010000000000000000000000000000000000001", 2),
        ("1.000000000000000000000001Ki", 1_024_001),
    ] {
        assert_eq!(milli(text), Some(expected), "{text}");
    }
}

#[test]
fn caps_larger_values() {
    let maximum = i128::from(i64::MAX) * 1000;
    for text in
        ["12Ei", "10E", "9223372036854775808", "1e19", "1e99999999999999999999", &"9".repeat(500)]
    {
        assert_eq!(milli(text), Some(maximum), "{text}");
        assert_eq!(milli(&format!("-{text}")), Some(-maximum), "-{text}");
    }
    assert_eq!(milli("9223372036854775807"), Some(maximum));
    assert_eq!("12Ei".parse::<Quantity>().map(|quantity| quantity.units()), Ok(i64::MAX));
}

#[test]
fn files_may_have_what_can_be_compared_exactly() {
    let finest = format!("0.{}1", "0".repeat(17));
    for text in
        ["0", "1", "-7Ei", "9223372036854775807", "9E", "1n", "1.5Gi", "1e18", &finest, "00000001"]
    {
        assert_eq!(check_bounds(text), Ok(()), "{text}");
    }
    for (text, problem) in [
        ("1e39".to_owned(), OutOfBounds::TooLarge),
        ("8Ei".to_owned(), OutOfBounds::TooLarge),
        ("-8Ei".to_owned(), OutOfBounds::TooLarge),
        ("9223372036854775807.1".to_owned(), OutOfBounds::TooLarge),
        ("1e9999999999".to_owned(), OutOfBounds::TooLarge),
        ("9".repeat(44), OutOfBounds::TooLarge),
        ("1e-40".to_owned(), OutOfBounds::TooFine),
        (format!("{finest}1"), OutOfBounds::TooFine),
        (format!("{finest}n"), OutOfBounds::TooFine),
        ("0e-9999999999".to_owned(), OutOfBounds::TooFine),
        ("0e9999999999".to_owned(), OutOfBounds::TooLarge),
        (format!("{}e-40", "1".repeat(50)), OutOfBounds::TooFine),
    ] {
        assert_eq!(check_bounds(&text), Err(problem), "{text}");
    }
}

#[test]
fn refuses_what_is_not_a_quantity() {
    for text in [
        "", "-", ".", "abc", "1 Gi", "1gi", "1KI", "1e", "1e3Ki", "1.2.3", "--1", "1mm", "Gi",
        "1e1.5", "0x10", "1_000", "½",
    ] {
        assert_eq!(milli(text), None, "{text}");
    }
}

#[test]
fn writes_what_people_write() {
    assert_eq!(Quantity::from_milli(2_000).as_str(), "2");
    assert_eq!(Quantity::from_milli(1_500).as_str(), "1500m");
    assert_eq!(Quantity::from_bytes(0).as_str(), "0");
    assert_eq!(Quantity::from_bytes(1_000).as_str(), "1000");
    assert_eq!(Quantity::from_bytes(512 << 20).as_str(), "512Mi");
    assert_eq!(Quantity::from_bytes(3 << 40).as_str(), "3Ti");
}

#[test]
fn reads_numbers_and_text_from_json() {
    let read =
        |json: &str| serde_json::from_str::<Quantity>(json).map(|quantity| quantity.milli()).ok();
    assert_eq!(read("2"), Some(2_000));
    assert_eq!(read("0.25"), Some(250));
    assert_eq!(read("\"4Gi\""), Some(4_294_967_296_000));
    assert_eq!(read("\"4GB\""), None);
    assert_eq!(read("true"), None);
}

proptest! {
    /// Against the definition, computed the slow way: number × suffix, thousandths rounded up.
    #[test]
    fn agrees_with_the_definition(
        integer in 0..1_000_000_u64,
        fraction in prop::collection::vec(0..10_u8, 0..12),
        suffix in prop::sample::select(vec![
            ("", 0, 1_u128), ("m", -3, 1), ("u", -6, 1), ("n", -9, 1), ("k", 3, 1), ("M", 6, 1),
            ("G", 9, 1), ("e2", 2, 1), ("E-2", -2, 1), ("Ki", 0, 1 << 10), ("Mi", 0, 1 << 20), ("Gi", 0, 1 << 30),
        ]),
        negative: bool,
    ) {
        let (name, power, factor) = suffix;
        let digits: String = fraction.iter().map(u8::to_string).collect();
        let text = format!("{}{integer}.{digits}{name}", if negative { "-" } else { "" });
        let places = u32::try_from(digits.len()).unwrap_or(0);
        let number = u128::from(integer) * 10_u128.pow(places) + digits.parse::<u128>().unwrap_or(0);
        let up = 10_u128.pow(u32::try_from(power.max(0) + 3).unwrap_or(0));
        let down = 10_u128.pow(places + u32::try_from(-power.min(0)).unwrap_or(0));
        let magnitude = i128::try_from((number * factor * up).div_ceil(down)).unwrap_or(i128::MAX);
        prop_assert_eq!(milli(&text), Some(if negative { -magnitude } else { magnitude }), "{}", text);
    }

    #[test]
    fn never_panics_and_keeps_its_text(text in "[-+]?[0-9.eEKMGTPimun+-]{0,24}") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            prop_assert_eq!(quantity.as_str(), &text);
            let json = serde_json::to_string(&quantity).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(serde_json::from_str::<Quantity>(&json).ok(), Some(quantity));
        }
    }

    #[test]
    fn bytes_and_milli_round_trip(number in 0..i64::MAX) {
        prop_assert_eq!(Quantity::from_bytes(number).as_str().parse::<Quantity>().map(|q| q.units()), Ok(number));
        prop_assert_eq!(Quantity::from_milli(number).as_str().parse::<Quantity>().map(|q| q.milli()), Ok(number));
    }

    /// The schema's pattern accepts exactly what the types read.
    #[test]
    fn agrees_with_the_pattern(text in "[-+]?[0-9.]{0,4}([numkKMGTPEe]?i?|[eE][-+]?[0-9.]{0,3})") {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        prop_assert_eq!(pattern.is_match(&text), text.parse::<Quantity>().is_ok(), "{}", text);
    }
}

#[test]
fn whatever_is_written_is_a_quantity_or_none() {
    proffer_fuzz::Target::named("quantities").run(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let _ = check_bounds(text);
        let Ok(quantity) = text.parse::<Quantity>() else { return };
        let _ = (quantity.milli(), quantity.units(), quantity.is_negative());
        // Units are rounded up, so a negative amount has no more of them.
        assert!(i128::from(quantity.units()).abs() * 1000 + 999 >= quantity.milli.abs(), "{text}");
    });
}
