//! By which names the master may be called.
//!
//! A browser carries requests of any page to any address that the machine can reach. A page cannot forge
//! `Host`, `Origin` and `Sec-Fetch-Site`, so these tell its requests from those of programs: a name that
//! the page's owner had point here (DNS rebinding) is not on the list, and neither is the page's origin.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, Uri, header};

/// Names that every machine has for itself.
const LOOPBACK_NAMES: [&str; 4] =
    ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"];

/// How much of a name that is refused is repeated, in characters.
const MOST_REPEATED: usize = 100;

/// The hosts by which the master may be called: loopback ones, those that are configured, and the address
/// at which a connection came in.
#[derive(Debug)]
pub(crate) struct Hosts {
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    /// Whether it is bound to all addresses of the machine, and there may be others before it, such as a
    /// Service's. An address is no name that somebody could have point here.
    takes_all_addresses: bool,
    port: u16,
}

/// A host as it is compared.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    Address(IpAddr),
}

impl Hosts {
    /// Those of a master that is bound to an address. Configured ones may have a port, which does not
    /// count; the error is a sentence.
    pub(crate) fn new<'a>(
        bound: SocketAddr,
        configured: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let mut hosts = Self {
            names: LOOPBACK_NAMES.map(str::to_owned).into(),
            addresses: BTreeSet::new(),
            takes_all_addresses: bound.ip().is_unspecified(),
            port: bound.port(),
        };
        for text in configured {
            match parse(text).or_else(|| bare_address(text).map(|host| (host, None))) {
                Some((Host::Name(name), _)) => hosts.names.insert(name),
                Some((Host::Address(address), _)) => hosts.addresses.insert(address),
                None => {
                    return Err(format!(
                        "{text:?} is no host, such as mesos.example.org or 10.0.0.1"
                    ));
                }
            };
        }
        Ok(hosts)
    }

    /// Whether a request that came in at an address may be looked at; the error is a sentence.
    pub(super) fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        local: Option<IpAddr>,
    ) -> Result<(), String> {
        let mut named = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (named.next(), named.next()) else {
            return Err("A request has one header Host, with the name of this master".to_owned());
        };
        let host = host.to_str().unwrap_or_default();
        let called = self.check_authority(host, local)?;
        // A target such as http://HOST/state counts for more than the header.
        if let Some(authority) = uri.authority() {
            self.check_authority(authority.as_str(), local)?;
        }
        if headers.get_all("sec-fetch-site").iter().any(|site| site == "cross-site") {
            return Err("Pages of other sites may not call this master".to_owned());
        }
        let origins = headers.get_all(header::ORIGIN).iter();
        for origin in origins.map(|origin| origin.to_str().unwrap_or_default()) {
            if !self.is_own_origin(origin, &called, local) {
                let origin = shorten(origin);
                return Err(format!("Pages of {origin:?} may not call this master"));
            }
        }
        Ok(())
    }

    /// The host and the port that are named, if the master may be called so.
    fn check_authority(
        &self,
        text: &str,
        local: Option<IpAddr>,
    ) -> Result<(Host, Option<u16>), String> {
        let is_address = |host: &Host| matches!(host, Host::Address(_));
        match parse(text) {
            Some((host, port))
                if self.has(&host, local) || self.takes_all_addresses && is_address(&host) =>
            {
                Ok((host, port))
            }
            _ => Err(format!(
                "This master is not called {:?}: call it by localhost or its address, or name the host \
                 in --mesos-host (on a cluster in mesos.hosts)",
                shorten(text)
            )),
        }
    }

    /// Whether a page is one of this master's: at its port, or at that by which it was called.
    fn is_own_origin(
        &self,
        origin: &str,
        (called, called_port): &(Host, Option<u16>),
        local: Option<IpAddr>,
    ) -> bool {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let Some((host, port)) = authority.and_then(parse) else { return false };
        let is_own_port = port.is_none() || port == Some(self.port) || port == *called_port;
        is_own_port && (host == *called || self.has(&host, local))
    }

    fn has(&self, host: &Host, local: Option<IpAddr>) -> bool {
        match host {
            Host::Name(name) => self.names.contains(name),
            Host::Address(address) => {
                let own = local.map(|local| local.to_canonical());
                address.is_loopback() || own == Some(*address) || self.addresses.contains(address)
            }
        }
    }
}

/// A host with or without a port, as in the header `Host`. Nothing if it is none.
fn parse(text: &str) -> Option<(Host, Option<u16>)> {
    let (host, rest) = if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        (Host::Address(IpAddr::V6(address).to_canonical()), rest)
    } else {
        let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
        // A name may end in the dot of the root.
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        (name.parse().map_or(Host::Name(name), Host::Address), rest)
    };
    if rest.is_empty() {
        return Some((host, None));
    }
    let port =
        rest.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((host, Some(port.parse().ok()?)))
}

/// An IPv6 address without brackets, as it is configured.
fn bare_address(text: &str) -> Option<Host> {
    text.parse::<IpAddr>().ok().map(|address| Host::Address(address.to_canonical()))
}

fn shorten(text: &str) -> String {
    text.chars().take(MOST_REPEATED).collect()
}

#[cfg(test)]
mod tests;
