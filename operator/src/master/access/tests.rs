use std::time::Duration;

use super::*;

const TWO: &str = r#"{"credentials": [
    {"principal": "spark", "secret": "s", "roles": ["team"], "qps": 2},
    {"principal": "operator", "secret": "t"}
]}"#;

/// A file of credentials.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.json");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn access(text: &str) -> Access {
    Access::load(&file(text).1).unwrap()
}

fn secret(text: &str) -> Shown {
    Shown::of(Some(&format!("Basic {}", BASE64_STANDARD.encode(text))))
}

#[test]
fn a_principal_is_known_by_its_secret() {
    let access = access(TWO);
    let known = access.principal(&secret("operator:t"), false);
    assert_eq!(known, Ok(Some("operator".into())));
    for wrong in ["operator:s", "operator:", "nobody:t", "nobody:"] {
        assert_eq!(access.principal(&secret(wrong), true), Err(Denied::WrongSecret), "{wrong}");
    }
    for nothing in [None, Some("t"), Some("Bearer t"), Some("Basic %")] {
        let shown = Shown::of(nothing);
        assert_eq!(access.principal(&shown, true), Err(Denied::Unauthenticated), "{nothing:?}");
    }
    assert_eq!(Access::default().principal(&Shown::Nothing, false), Ok(None));
    assert_eq!(access.claimed(&secret("spark:?")), Some("spark".into()));
    assert_eq!(access.claimed(&secret("nobody:t")), None);
}

#[test]
fn without_names_only_the_same_user_is_served() {
    let access = Access::of_same_user(Some("token".to_owned()));
    assert_eq!(access.principal(&Shown::Nothing, true), Ok(None));
    assert_eq!(access.principal(&secret("a:b"), true), Ok(None));
    assert_eq!(access.principal(&Shown::of(Some("bearer token")), false), Ok(None));
    for (wrong, denied) in [
        (None, Denied::OtherUser),
        (Some("Bearer tokens"), Denied::WrongToken),
        (Some("Bearer "), Denied::WrongToken),
        (Some("token"), Denied::OtherUser),
        (Some("Basic token"), Denied::OtherUser),
    ] {
        assert_eq!(access.principal(&Shown::of(wrong), false), Err(denied), "{wrong:?}");
    }
    let access = Access::of_same_user(None);
    let shown = Shown::of(Some("Bearer "));
    assert_eq!(access.principal(&shown, false), Err(Denied::OtherUser));
    assert!(access.may_use(None, "team") && access.may_operate(None));
    assert_eq!(*access.rights(None), Rights::Everything);
}

#[test]
fn roles_are_for_whom_they_are_given_with_those_below() {
    let access = access(TWO);
    for (role, may) in [("team", true), ("team/a", true), ("teams", false), ("*", false)] {
        assert_eq!(access.may_use(Some("spark"), role), may, "{role}");
        assert_eq!(access.rights(Some("spark")).sees_role(role), may, "{role}");
        assert!(access.may_use(Some("operator"), role));
    }
    assert!(!access.may_operate(Some("spark")) && access.may_operate(Some("operator")));
    assert!(!access.may_operate(None) && Access::default().may_operate(None));
}

#[test]
fn who_calls_too_often_has_to_wait() {
    let (access, now) = (access(TWO), Instant::now());
    let at = |milliseconds| access.take_call("spark", now + Duration::from_millis(milliseconds));
    assert_eq!(
        [at(0), at(0), at(0), at(400), at(600), at(600)].map(|it| it.is_ok()),
        [true, true, false, false, true, false]
    );
    assert!((0..1000).all(|_| access.take_call("operator", now).is_ok()));
}

#[test]
fn a_principal_sees_its_own_and_what_it_has_a_right_to() {
    let access = access(
        r#"{"credentials": [
        {"principal": "spark", "secret": "s", "roles": ["team"]},
        {"principal": "monitor", "secret": "s", "roles": [], "view": ["view_tasks", "view_roles"]},
        {"principal": "viewer", "secret": "s", "roles": [], "view": "all"},
        {"principal": "operator", "secret": "s"}
    ]}"#,
    );
    let of = |principal, roles| Owner { principal: Some(principal), roles };
    let owners = [
        of("spark", &["other"]),
        of("b", &["team", "team/a"]),
        of("b", &["team", "other"]),
        of("b", &["other"]),
        Owner { principal: None, roles: &[] },
    ];
    for (principal, kind, seen) in [
        ("spark", Kind::ViewFrameworks, [true, true, false, false, false]),
        ("monitor", Kind::ViewFrameworks, [false; 5]),
        ("monitor", Kind::ViewTasks, [true; 5]),
        ("monitor", Kind::AccessSandboxes, [false; 5]),
        ("viewer", Kind::AccessSandboxes, [true; 5]),
        ("operator", Kind::AccessSandboxes, [true; 5]),
        ("gone", Kind::ViewTasks, [false; 5]),
    ] {
        let rights = access.rights(Some(principal));
        assert_eq!(owners.map(|owner| rights.sees(kind, owner)), seen, "{principal} {kind:?}");
    }
    let sees = |principal| access.rights(Some(principal)).sees_role("other");
    assert!(!sees("spark") && sees("monitor") && sees("viewer") && !sees("gone"));
}

#[test]
fn a_changed_file_is_read_and_a_wrong_one_changes_nothing() {
    let (folder, file) = file(TWO);
    let access = Access::load(&file).unwrap();
    std::fs::write(&file, "{").unwrap();
    assert!(access.reload().is_err_and(|problem| problem.contains("credentials.json")));
    assert!(access.principal(&secret("spark:s"), false).is_ok());
    let changed = r#"{"credentials": [
        {"principal": "operator", "secret": "t"}, {"principal": "spark", "secret": "new"}
    ]}"#;
    // As a mounted Secret changes: another file comes to its place.
    let other = folder.path().join("other");
    std::fs::write(&other, changed).unwrap();
    std::fs::rename(&other, &file).unwrap();
    let is_other = access.reload().unwrap();
    assert_eq!(["operator", "spark", "gone"].map(is_other), [false, true, true]);
    assert_eq!(access.principal(&secret("spark:s"), false), Err(Denied::WrongSecret));
    assert!(access.principal(&secret("spark:new"), false).is_ok());
    assert!(access.may_operate(Some("spark")), "its roles are others, too");
}

#[test]
fn files_that_make_no_sense_are_refused() {
    for text in [
        "",
        "{}",
        r#"{"credentials": []}"#,
        r#"{"credentials": [{"principal": "", "secret": "s"}]}"#,
        r#"{"credentials": [{"principal": "a:b", "secret": "s"}]}"#,
        r#"{"credentials": [{"principal": "a", "secret": "s", "qps": 0}]}"#,
        r#"{"credentials": [{"principal": "a", "secret": "s", "role": "x"}]}"#,
        r#"{"credentials": [{"principal": "a", "secret": "s", "view": ["view_nothing"]}]}"#,
        r#"{"credentials": [{"principal": "a", "secret": "s", "view": "some"}]}"#,
        r#"{"credentials": [{"principal": "a", "secret": "s"}, {"principal": "a", "secret": "t"}]}"#,
    ] {
        assert!(Access::load(&file(text).1).is_err(), "{text}");
    }
}
