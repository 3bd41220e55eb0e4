use axum::http::HeaderValue;

use super::*;

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));

fn bound(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn hosts() -> Hosts {
    Hosts::new(
        bound("10.1.2.3:5050"),
        ["proffer-mesos.offers.svc", "Mesos.Example.org:80", "fd00::7"],
    )
    .unwrap()
}

/// Whether a request of this target and these headers may be looked at.
fn may(target: &str, headers: &[(&'static str, &str)]) -> bool {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    hosts().check(&target.parse().unwrap(), &map, Some(LOCAL)).is_ok()
}

#[test]
fn the_master_is_called_by_names_of_its_own() {
    for host in [
        "localhost",
        "LocalHost:5050",
        "localhost.:5050",
        "localhost:16000",
        "127.0.0.1:5050",
        "127.0.1.1",
        "[::1]:5050",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]:5050",
        "10.1.2.3:5050",
        "proffer-mesos.offers.svc:5050",
        "mesos.example.org",
        "[fd00::7]:5050",
    ] {
        assert!(may("/state", &[("host", host)]), "{host}");
    }
}

#[test]
fn other_names_are_refused() {
    for host in [
        "",
        ":5050",
        "rebind.evil.example",
        "localhost.evil.example",
        "evil.example:5050",
        "notlocalhost",
        "10.1.2.4",
        "2130706433",
        "127.1",
        "::1",
        "[::2]:5050",
        "[::1%lo]",
        "[::1",
        "localhost:",
        "localhost:+5050",
        "localhost:99999",
        "localhost:5050:5050",
        "localhost..",
        "user@localhost",
        "localhost,evil.example",
        "localhost evil.example",
        "localhost/evil.example",
        "proffer-mesos.offers.svc.evil.example",
    ] {
        assert!(!may("/state", &[("host", host)]), "{host}");
    }
    let mut headers = HeaderMap::new();
    headers.append("host", HeaderValue::from_bytes(b"localhost\xff").unwrap());
    assert!(hosts().check(&"/".parse().unwrap(), &headers, None).is_err());
}

#[test]
fn a_request_names_one_host() {
    assert!(!may("/state", &[]));
    assert!(!may("/state", &[("host", "localhost"), ("host", "localhost")]));
    assert!(!may("/state", &[("host", "localhost"), ("host", "evil.example")]));
    // The target may name it once more.
    assert!(may("http://localhost:5050/state", &[("host", "localhost:5050")]));
    assert!(!may("http://evil.example/state", &[("host", "localhost:5050")]));
    assert!(!may("http://a@localhost/state", &[("host", "localhost:5050")]));
    assert!(!may("http://localhost/state", &[("host", "evil.example")]));
}

#[test]
fn pages_of_others_are_refused() {
    let with = |name, value| may("/state", &[("host", "localhost:16000"), (name, value)]);
    for origin in [
        "http://localhost:5050",
        "http://localhost:16000",
        "http://localhost",
        "https://127.0.0.1:5050",
        "http://[::1]:5050",
        "https://mesos.example.org",
    ] {
        assert!(with("origin", origin), "{origin}");
    }
    for origin in [
        "null",
        "",
        "http://evil.example",
        "http://evil.example:5050",
        "http://localhost:3000",
        "http://localhost.evil.example:5050",
        "http://localhost:5050/page",
        "file://",
        "chrome-extension://localhost",
        "localhost:5050",
    ] {
        assert!(!with("origin", origin), "{origin}");
    }
    let two = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "null")];
    assert!(!may("/state", &two));
    assert!(!with("sec-fetch-site", "cross-site"));
    for site in ["same-origin", "same-site", "none"] {
        assert!(with("sec-fetch-site", site), "{site}");
    }
}

#[test]
fn what_is_configured_is_a_host() {
    for text in ["", "http://mesos.example.org", "mesos example", "*.example.org", "a:b"] {
        assert!(Hosts::new(bound("127.0.0.1:5050"), [text]).is_err(), "{text}");
    }
}

#[test]
fn all_addresses_are_its_own_if_it_is_bound_to_all() {
    let hosts = Hosts::new(bound("0.0.0.0:5050"), []).unwrap();
    let may = |host: &str, origin: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        origin.map(|origin| headers.insert("origin", origin.parse().unwrap()));
        hosts.check(&"/state".parse().unwrap(), &headers, Some(LOCAL)).is_ok()
    };
    assert!(may("10.96.0.7:5050", None) && may("[fd00::8]:5050", None));
    assert!(may("10.96.0.7:5050", Some("http://10.96.0.7:5050")));
    // A page at an address of its own is still somebody else's.
    assert!(!may("10.96.0.7:5050", Some("http://10.96.0.8:5050")));
    assert!(!may("evil.example", None) && !may("evil.example:5050", None));
}
