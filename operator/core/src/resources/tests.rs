use super::*;

fn cpu(milli: i64) -> Resources {
    let mut resources = Resources::NONE;
    resources[Kind::CPU] = milli;
    resources
}

#[test]
fn arithmetic_saturates() {
    let most = cpu(i64::MAX);
    assert_eq!(most.plus(&most), most);
    assert_eq!(cpu(i64::MIN).minus(&cpu(1)), cpu(i64::MIN));
    assert_eq!(cpu(1).above(&cpu(2)), Resources::NONE);
    assert_eq!(cpu(1).minus(&cpu(2)), cpu(-1));
}

#[test]
fn fits_in_compares_every_kind() {
    let mut both = cpu(1000);
    both[Kind::MEMORY] = 5;
    assert!(both.fits_in(&Resources::UNLIMITED));
    assert!(!both.fits_in(&cpu(1000)));
    assert!(cpu(1000).fits_in(&both));
}

#[test]
fn kinds_are_bounded() {
    let mut kinds = Kinds::default();
    for number in 2..KIND_LIMIT {
        assert!(kinds.intern(&format!("kind-{number}")).is_ok_and(|(_, new)| new));
    }
    assert!(kinds.intern("kind-2").is_ok_and(|(_, new)| !new));
    assert_eq!(kinds.intern("gpu"), Err(TooManyKinds { name: "gpu".to_owned() }));
    assert_eq!(kinds.iter().count(), KIND_LIMIT);
}

#[test]
fn amounts_are_written_as_people_write_them() {
    let mut kinds = Kinds::default();
    let (gpu, _) = kinds.intern("nvidia.com/gpu").unwrap();
    let text = |kind, amount| kinds.display(kind, amount).to_string();
    assert_eq!(text(Kind::CPU, 3_500), "3.5");
    assert_eq!(text(Kind::CPU, -50), "-0.05");
    assert_eq!(text(Kind::MEMORY, 4 << 30), "4Gi");
    assert_eq!(text(Kind::MEMORY, (3 << 30) / 2), "1.5Gi");
    assert_eq!(text(Kind::MEMORY, 1000), "1000");
    assert_eq!(text(Kind::MEMORY, i64::MAX), "7.999Ei");
    assert_eq!(text(gpu, 8), "8");
}
