use ureq::tls::RootCerts;

use super::{local_port, roots};

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

#[test]
fn whom_to_trust_stands_in_a_file_or_is_known_to_everybody() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let file = std::env::temp_dir().join(format!("libmesos-roots-{}.pem", std::process::id()));
    std::fs::write(&file, pem.repeat(2)).unwrap();
    let named = || Some(file.display().to_string());
    let found = roots(named());
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(found, RootCerts::Specific(all) if all.len() == 2));
    let gone = roots(named());
    assert!(matches!(gone, RootCerts::Specific(all) if all.is_empty()), "nobody is trusted then");
    assert!(matches!(roots(None), RootCerts::WebPki));
}
