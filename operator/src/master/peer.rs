//! Whose program is at the other end of a connection of this machine.
//!
//! The kernel knows the user of every socket. It is asked for one socket by its addresses (`sock_diag(7)`),
//! which costs the same however many there are. Where it does not answer that, as without its module
//! `tcp_diag`, the socket is looked for in the lists of all.

use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`: the kind of the question, and of its answer.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST` of `linux/netlink.h`.
const REQUEST: u16 = 1;
const IPPROTO_TCP: u8 = 6;
/// The lengths of `nlmsghdr`, `inet_diag_req_v2` and `inet_diag_msg`, in bytes.
const HEADER_LENGTH: usize = 16;
const QUESTION_LENGTH: usize = 56;
const ANSWER_LENGTH: usize = 72;

/// The two ends of a connection, as the program at the other end sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    own: SocketAddr,
    other: SocketAddr,
}

/// Whether a connection comes from a program of the user who runs this one. Both ends have to be loopback
/// addresses; what cannot be found out counts as no.
pub(super) async fn is_of_same_user(local: SocketAddr, peer: SocketAddr) -> bool {
    let canonical = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let ends = Ends { own: canonical(peer), other: canonical(local) };
    if !ends.own.ip().is_loopback() || !ends.other.ip().is_loopback() {
        return false;
    }
    let user = match ask_kernel(ends) {
        Ok(user) => user,
        // The lists take seconds to read where there are thousands of sockets.
        Err(_) => tokio::task::spawn_blocking(move || look_up(ends)).await.ok().flatten(),
    };
    user == Some(rustix::process::geteuid().as_raw())
}

/// The user of a socket; nothing if no program has it open any more.
fn ask_kernel(ends: Ends) -> Result<Option<u32>, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
    // The kernel has the port number 0, and has answered when this returns.
    sendto(&socket, &question(ends), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 1024];
    let (_, length) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    read_answer(answer.get(..length).unwrap_or_default(), ends)
}

/// `nlmsghdr` and `inet_diag_req_v2`, for the socket between two ends.
fn question(ends: Ends) -> Vec<u8> {
    let family = match ends.own.ip() {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let length = HEADER_LENGTH + QUESTION_LENGTH;
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    // A sequence number, and the port number of who asks, which the kernel fills in.
    message.extend([0; 8]);
    message.extend([u8::try_from(family.as_raw()).unwrap_or_default(), IPPROTO_TCP, 0, 0]);
    // In any state.
    message.extend(u32::MAX.to_ne_bytes());
    message.extend(ends.own.port().to_be_bytes());
    message.extend(ends.other.port().to_be_bytes());
    for end in [ends.own, ends.other] {
        match end.ip() {
            IpAddr::V4(address) => message.extend(address.octets().into_iter().chain([0; 12])),
            IpAddr::V6(address) => message.extend(address.octets()),
        }
    }
    // At any interface, and with any cookie.
    message.extend(0_u32.to_ne_bytes());
    message.extend([0xff; 8]);
    message
}

/// The user in the kernel's answer.
fn read_answer(answer: &[u8], ends: Ends) -> Result<Option<u32>, Errno> {
    let short = |at: usize| answer.get(at..at + 2)?.try_into().ok();
    let long = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
    let kind = short(4).map(u16::from_ne_bytes);
    if kind != Some(BY_FAMILY) || answer.len() < HEADER_LENGTH + ANSWER_LENGTH {
        // It is an error, whose negative number comes first.
        let error = long(HEADER_LENGTH).unwrap_or_default().cast_signed().saturating_neg();
        let error = Errno::from_raw_os_error(error);
        return if error == Errno::NOENT { Ok(None) } else { Err(error) };
    }
    // If the socket is gone, the kernel names one that listens at its port, which is anybody's.
    let ports = [short(HEADER_LENGTH + 4), short(HEADER_LENGTH + 6)];
    let is_asked_for = ports.map(|port| port.map(u16::from_be_bytes))
        == [ends.own, ends.other].map(|end| Some(end.port()));
    let (user, inode) = (long(HEADER_LENGTH + 64), long(HEADER_LENGTH + 68));
    // A socket that its program has closed has no inode, and counts as root's.
    Ok(user.filter(|_| is_asked_for && inode.is_some_and(|inode| inode != 0)))
}

/// The user of a socket by the lists of all.
fn look_up(ends: Ends) -> Option<u32> {
    let lists = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = lists.into_iter().filter_map(|list| std::fs::read_to_string(list).ok());
    texts.into_iter().find_map(|text| find(&text, ends))
}

/// The user of a socket by a list, a line for each.
fn find(list: &str, ends: Ends) -> Option<u32> {
    list.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let found = Ends { own: address(fields.get(1)?)?, other: address(fields.get(2)?)? };
        let has_inode = *fields.get(9)? != "0";
        let user = fields.get(7)?.parse().ok();
        if found == ends && has_inode { user } else { None }
    })
}

/// An address and a port as the lists have them: the words of the address as the machine's numbers.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words = (0..address.len()).step_by(8).map(|at| {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let octets = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = match <[u8; 16]>::try_from(&*octets) {
        Ok(octets) => IpAddr::from(octets).to_canonical(),
        Err(_) => IpAddr::from(<[u8; 4]>::try_from(&*octets).ok()?),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests;
