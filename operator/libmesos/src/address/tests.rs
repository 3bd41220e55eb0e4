use super::*;

fn masters(text: &str) -> Vec<String> {
    Address::parse(text).unwrap().masters
}

#[test]
fn addresses_as_spark_hands_them_over() {
    assert_eq!(masters("localhost:5050"), ["localhost:5050"]);
    assert_eq!(masters("master.example"), ["master.example:5050"]);
    assert_eq!(masters("mesos://10.0.0.1:80/"), ["10.0.0.1:80"]);
    assert_eq!(masters("a:1, b,c:3"), ["a:1", "b:5050", "c:3"]);
    assert_eq!(masters("[::1]:5051"), ["[::1]:5051"]);
    assert_eq!(masters("[::1]"), ["[::1]:5050"]);
}

#[test]
fn names_and_passwords_stand_before_the_host() {
    let address = Address::parse("ann:s3:cr@t@localhost:5050").unwrap();
    let credentials = address.credentials.unwrap();
    assert_eq!((&*credentials.principal, &*credentials.secret), ("ann", "s3:cr@t"));
    assert_eq!(address.masters, ["localhost:5050"]);
    assert!(!format!("{credentials:?}").contains("s3"), "passwords are not printed");
}

#[test]
fn what_is_no_address_says_what_is_one() {
    let problem = |text: &str| Address::parse(text).unwrap_err().to_string();
    assert!(problem("zk://a:2181,b:2181/mesos").contains("ZooKeeper"));
    assert!(problem("zk://a:2181/mesos").contains("mesos://proffer.proffer-system:5050"));
    assert!(problem("").contains("mesos://localhost:5050"));
    assert!(problem("localhost:many").contains("\"many\" is no port"));
    assert!(problem("localhost:0").contains("1 to 65535"));
    assert!(problem(":5050").contains("no host"));
}
