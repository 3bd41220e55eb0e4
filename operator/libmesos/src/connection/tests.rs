use super::local_port;

#[test]
fn tokens_are_shown_to_masters_of_this_machine_alone() {
    for master in ["http://localhost:5050", "http://127.0.0.1:5050", "https://[::1]:5050"] {
        assert_eq!(local_port(master), Some(5050), "{master}");
    }
    for master in [
        "http://mesos.example.org:5050",
        "http://localhost.example.org:5050",
        "http://10.0.0.1:5050",
        "http://[fd00::1]:5050",
        "http://localhost",
    ] {
        assert_eq!(local_port(master), None, "{master}");
    }
}
