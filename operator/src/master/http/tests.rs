use super::*;

#[test]
fn only_names_are_called() {
    for name in ["f", "_0", "angular.callbacks._0", "jQuery17_12", "$"] {
        assert!(is_function(name), "{name}");
    }
    let long = "f".repeat(129);
    for text in ["", ".", "a.", "1a", "a b", "alert(1)//", "a[0]", "a;b", "<b>", "ä", &long] {
        assert!(!is_function(text), "{text}");
    }
}

#[test]
fn everything_is_below_master_too() {
    for path in ["/state", "/master/state", "/master/state/", "/state/"] {
        assert_eq!(endpoint(path), "state", "{path}");
    }
    assert_eq!(endpoint("/master/api/v1/scheduler"), "api/v1/scheduler");
    assert_eq!(endpoint("/slave(12)/api/v1/executor"), "api/v1/executor");
    assert_eq!(endpoint("/slave(12)/state.json"), "state");
    assert_eq!((agent("/slave(12)/state"), agent("/state")), (Some(12), None));
}
