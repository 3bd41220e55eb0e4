use std::net::{TcpListener, TcpStream};

use super::*;

/// A connection: its two ends, the server's first.
fn connection(at: &str) -> Option<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((at, 0)).ok()?;
    let port = listener.local_addr().unwrap().port();
    let to = if at == "::" { "127.0.0.1" } else { at };
    let client = TcpStream::connect((to, port)).unwrap();
    Some((listener.accept().unwrap().0, client))
}

fn ends(client: &TcpStream) -> Ends {
    let canonical = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    Ends {
        own: canonical(client.local_addr().unwrap()),
        other: canonical(client.peer_addr().unwrap()),
    }
}

#[tokio::test]
async fn a_connection_of_this_program_is_of_the_same_user() {
    for at in ["127.0.0.1", "::1", "::"] {
        // Some machines have no IPv6.
        let Some((server, client)) = connection(at) else { continue };
        let (local, peer) = (server.local_addr().unwrap(), server.peer_addr().unwrap());
        assert!(is_of_same_user(local, peer).await, "{at}");
        let own = rustix::process::geteuid().as_raw();
        // Both ways say so.
        assert_eq!(look_up(ends(&client)), Some(own), "{at}");
        if let Ok(user) = ask_kernel(ends(&client)) {
            assert_eq!(user, Some(own), "{at}");
        }
    }
}

#[tokio::test]
async fn a_socket_that_is_closed_or_only_listens_is_nobodys() {
    let (server, client) = connection("127.0.0.1").unwrap();
    let ends = ends(&client);
    let nobody = async |ends: Ends| {
        assert_eq!(look_up(ends), None);
        assert!(matches!(ask_kernel(ends), Ok(None) | Err(_)));
        assert!(!is_of_same_user(ends.other, ends.own).await);
    };
    drop(client);
    // It waits for the server to close, too, and counts as root's.
    nobody(ends).await;
    drop(server);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    nobody(Ends { own: listener.local_addr().unwrap(), other: ends.other }).await;
}

#[tokio::test]
async fn addresses_of_other_machines_are_of_other_users() {
    let own = "127.0.0.1:5050".parse().unwrap();
    assert!(!is_of_same_user(own, "10.1.2.3:4000".parse().unwrap()).await);
    assert!(!is_of_same_user("10.1.2.3:5050".parse().unwrap(), own).await);
}

#[test]
fn lists_are_read_as_the_kernel_writes_them() {
    let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:13BA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1 1
   1: 0100007F:8A8A 0100007F:13BA 01 00000000:00000000 00:00000000 00000000  1000        0 2 2
   2: 0100007F:8A8B 0100007F:13BA 05 00000000:00000000 00:00000000 00000000     0        0 0 2
   3: 00000000000000000000000001000000:8A8C 00000000000000000000000001000000:13BA 01 0:0 0:0 0 1001 0 3 2
   4: 0000000000000000FFFF00000100007F:8A8D 0000000000000000FFFF00000100007F:13BA 01 0:0 0:0 0 1002 0 4 2
";
    let user = |own: &str, other: &str| {
        find(list, Ends { own: own.parse().unwrap(), other: other.parse().unwrap() })
    };
    if cfg!(target_endian = "little") {
        assert_eq!(user("127.0.0.1:35466", "127.0.0.1:5050"), Some(1000));
        assert_eq!(user("127.0.0.1:35467", "127.0.0.1:5050"), None, "it is closed");
        assert_eq!(user("[::1]:35468", "[::1]:5050"), Some(1001));
        assert_eq!(user("127.0.0.1:35469", "127.0.0.1:5050"), Some(1002));
    }
}
