//! Where the master is: what follows `mesos://`.

use std::fmt;

/// The port of a Mesos master.
const DEFAULT_PORT: u16 = 5050;

/// A name and a password, for HTTP's basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) principal: String,
    pub(crate) secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// A master, or several of which one leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `host:port` of each, at least one.
    pub(crate) masters: Vec<String>,
    pub(crate) credentials: Option<Credentials>,
}

/// Why an address is none. The sentence is what the framework is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressProblem {
    #[error(
        "the master's address is empty; give mesos://HOST:PORT, such as mesos://localhost:5050"
    )]
    Empty,
    #[error(
        "mesos://{0}: masters are not looked up in ZooKeeper; give the address of Proffer's \
         service instead, such as mesos://proffer.proffer-system:5050, which always leads to the \
         leader"
    )]
    ZooKeeper(String),
    #[error("mesos://{address}: {port:?} is no port; give a number from 1 to 65535")]
    Port { address: String, port: String },
    #[error("mesos://{0}: there is no host before the port")]
    Host(String),
}

impl Address {
    /// Reads `[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressProblem> {
        let text = text.trim();
        let text = text.strip_prefix("mesos://").unwrap_or(text);
        let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        if text.starts_with("zk://") || text.starts_with("file://") {
            return Err(AddressProblem::ZooKeeper(text.to_owned()));
        }
        let (credentials, hosts) = match text.rsplit_once('@') {
            Some((user, hosts)) => (Some(credentials(user)), hosts),
            None => (None, text),
        };
        let named = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
        let masters = named.map(host_and_port).collect::<Result<Vec<_>, _>>()?;
        if masters.is_empty() {
            return Err(AddressProblem::Empty);
        }
        Ok(Self { masters, credentials })
    }
}

fn credentials(text: &str) -> Credentials {
    let (principal, secret) = text.split_once(':').unwrap_or((text, ""));
    Credentials { principal: principal.to_owned(), secret: secret.to_owned() }
}

fn host_and_port(text: &str) -> Result<String, AddressProblem> {
    // An IPv6 address stands in brackets, and its colons separate no port.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    if host.is_empty() {
        return Err(AddressProblem::Host(text.to_owned()));
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            AddressProblem::Port { address: text.to_owned(), port: port.to_owned() }
        })?,
    };
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests;
