use super::*;

#[test]
fn who_has_a_copy_keeps_it_as_it_was() {
    let mut own: Shared<u32, String> = Shared::default();
    (0..100).for_each(|key| own.insert(key, key.to_string()));
    let shown = own.clone();
    own.get_mut(&7).unwrap().push('!');
    assert_eq!(own.remove(&8).as_deref(), Some("8"));
    assert_eq!(own.remove(&8), None);
    own.insert(100, "100".to_owned());
    assert_eq!((own.keys().count(), shown.keys().count()), (100, 100));
    assert_eq!(own.get(&7).map(String::as_str), Some("7!"));
    assert!(!own.contains_key(&8) && own.contains_key(&100));
    let seen: Vec<(u32, String)> = shown.iter().map(|(key, text)| (*key, text.clone())).collect();
    assert_eq!(seen, (0..100).map(|key| (key, key.to_string())).collect::<Vec<_>>());
}

#[test]
fn what_did_not_change_is_not_copied() {
    let mut own: Shared<u32, Vec<u8>> = Shared::default();
    (0..1000).for_each(|key| own.insert(key, vec![0; 10]));
    let shown = own.clone();
    own.get_mut(&500).unwrap().push(1);
    let is_same = |key: u32| std::ptr::eq(own.get(&key).unwrap(), shown.get(&key).unwrap());
    let copied = (0..1000).filter(|key| !is_same(*key)).collect::<Vec<_>>();
    assert_eq!(copied, [500]);
    drop(shown);
    let before = std::ptr::from_ref(own.get(&1).unwrap());
    own.get_mut(&1).unwrap().push(1);
    assert!(std::ptr::eq(before, own.get(&1).unwrap()), "nobody else has it any more");
}

#[test]
fn everything_is_taken_out_in_order() {
    let mut own: Shared<u32, &str> = Shared::default();
    [(2, "b"), (1, "a")].into_iter().for_each(|(key, value)| own.insert(key, value));
    assert_eq!(own.drain(), [(1, "a"), (2, "b")]);
    assert_eq!(own.keys().count(), 0);
}
