//! HTTP to the master or to an agent: one stream of events, and calls beside it.

use std::fmt;
use std::io::Read;
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proffer_mesos::content::PROTOBUF;
use proffer_mesos::recordio::Decoder;
use proffer_mesos::token;
use prost::Message;
use ureq::http::Response;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::address::Address;

const SCHEDULER_PATH: &str = "/api/v1/scheduler";
const EXECUTOR_PATH: &str = "/api/v1/executor";

/// Five heartbeats of the usual 15 seconds: a stream that says nothing for longer is broken.
const SILENCE: Duration = Duration::from_secs(75);

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a master may name another one as the leader.
const MOST_REDIRECTS: u32 = 3;

/// How much of an answer is read that is no stream.
const MOST_ANSWER_BYTES: u64 = 4096;

/// Why a call was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody answers, or nobody who leads: it is worth trying again.
    Unavailable(String),
    /// The master will not take it, now or later.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unavailable(why) | Self::Refused(why)) = self;
        formatter.write_str(why)
    }
}

/// How the master, or an agent, is reached.
pub(crate) struct Connection {
    agent: Agent,
    /// `http://host:port` of each master, or of the one agent.
    masters: Vec<String>,
    path: &'static str,
    authorization: Option<String>,
    /// For how long a stream says something at least once.
    silence: Option<Duration>,
}

/// Where somebody is subscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) master: String,
    stream: String,
}

/// The events of a subscription, as they come.
pub(crate) struct Events {
    body: ureq::BodyReader<'static>,
    decoder: Decoder,
    ready: std::collections::VecDeque<Vec<u8>>,
}

impl Connection {
    /// The masters at an address; `secure` is whether they speak TLS.
    pub(crate) fn to_masters(address: &Address, secure: bool) -> Self {
        let scheme = if secure { "https" } else { "http" };
        let authorization = address.credentials.as_ref().map(|it| {
            format!("Basic {}", STANDARD.encode(format!("{}:{}", it.principal, it.secret)))
        });
        Self {
            agent: agent(),
            masters: address.masters.iter().map(|host| format!("{scheme}://{host}")).collect(),
            path: SCHEDULER_PATH,
            authorization,
            silence: Some(SILENCE),
        }
    }

    /// The agent of an executor, at `host:port`. It says nothing for as long as there is nothing to do.
    pub(crate) fn to_agent(host: &str, token: Option<&str>, secure: bool) -> Self {
        let scheme = if secure { "https" } else { "http" };
        Self {
            agent: agent(),
            masters: vec![format!("{scheme}://{host}")],
            path: EXECUTOR_PATH,
            authorization: token.map(|token| format!("Bearer {token}")),
            silence: None,
        }
    }

    /// Finds out whether somebody listens at a master's address.
    pub(crate) fn knock(&self) -> Result<(), Failure> {
        let mut last = Failure::Unavailable("no master is known".to_owned());
        for master in &self.masters {
            let host = master.split("//").nth(1).unwrap_or_default();
            let addresses = match host.to_socket_addrs() {
                Ok(addresses) => addresses,
                Err(error) => {
                    last = Failure::Unavailable(format!("{host} is not known: {error}"));
                    continue;
                }
            };
            for address in addresses {
                match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                    Ok(_) => return Ok(()),
                    Err(error) => {
                        last = Failure::Unavailable(format!("{master} does not answer: {error}"));
                    }
                }
            }
        }
        Err(last)
    }

    /// Opens the stream of events at the master that leads, by an encoded call.
    pub(crate) fn subscribe(&self, call: &[u8]) -> Result<(Subscription, Events), Failure> {
        let mut last = Failure::Unavailable("no master is known".to_owned());
        for master in &self.masters {
            match self.subscribe_at(master, call) {
                Err(failure @ Failure::Unavailable(_)) => last = failure,
                done => return done,
            }
        }
        Err(last)
    }

    fn subscribe_at(&self, master: &str, call: &[u8]) -> Result<(Subscription, Events), Failure> {
        let mut master = master.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.post(&master, None, call, None)?;
            let status = response.status().as_u16();
            if status == 307 {
                master = leader(&master, &response)?;
                continue;
            }
            if status != 200 {
                return Err(self.failure(&master, response));
            }
            let stream = header(&response, "mesos-stream-id").unwrap_or_default();
            let events = Events {
                body: response.into_body().into_with_config().limit(u64::MAX).reader(),
                decoder: Decoder::new(64 << 20),
                ready: std::collections::VecDeque::new(),
            };
            return Ok((Subscription { master, stream }, events));
        }
        Err(Failure::Unavailable(format!("{master} and others name each other as the leader")))
    }

    /// Makes an encoded call within a subscription.
    pub(crate) fn call(&self, subscription: &Subscription, call: &[u8]) -> Result<(), Failure> {
        let Subscription { master, stream } = subscription;
        let response = self.post(master, Some(stream), call, Some(CALL_TIMEOUT))?;
        if response.status().is_success() { Ok(()) } else { Err(self.failure(master, response)) }
    }

    /// What a framework waits for, as the master sees it; nothing if it does not say.
    pub(crate) fn reason(&self, subscription: &Subscription, framework: &str) -> Option<String> {
        let url = format!("{}/frameworks?framework_id={framework}", subscription.master);
        let mut request = self.agent.get(url);
        if let Some(authorization) = self.authorization(&subscription.master) {
            request = request.header("Authorization", authorization);
        }
        let response = request.config().timeout_global(Some(CALL_TIMEOUT)).build().call().ok()?;
        let body = response.into_body().read_to_vec().ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&body).ok()?;
        Some(answer["frameworks"][0]["waits_for"].as_str()?.to_owned())
    }

    fn post(
        &self,
        master: &str,
        stream: Option<&str>,
        call: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = self
            .agent
            .post(format!("{master}{}", self.path))
            .header("Content-Type", PROTOBUF)
            .header("Accept", PROTOBUF);
        if let Some(authorization) = self.authorization(master) {
            request = request.header("Authorization", authorization);
        }
        if let Some(stream) = stream {
            request = request.header("Mesos-Stream-Id", stream);
        }
        request
            .config()
            .timeout_global(timeout)
            .timeout_per_read(self.silence)
            .build()
            .send(call)
            .map_err(|error| Failure::Unavailable(format!("{master} does not answer: {error}")))
    }

    /// What a master is shown: a secret, or the token that a master of the same user has left on this
    /// machine. Another master, which may have taken its port, is on this machine, too.
    fn authorization(&self, master: &str) -> Option<String> {
        let token =
            || local_port(master).and_then(token::read).map(|token| format!("Bearer {token}"));
        self.authorization.clone().or_else(token)
    }

    /// What an answer means that is not the one hoped for.
    fn failure(&self, master: &str, response: Response<Body>) -> Failure {
        let status = response.status().as_u16();
        let is_executor = self.path == EXECUTOR_PATH;
        let wanted = header(&response, "www-authenticate").unwrap_or_default();
        let is_for_same_user = !is_executor && wanted.starts_with("Bearer");
        let mut text = String::new();
        let body =
            response.into_body().into_reader().take(MOST_ANSWER_BYTES).read_to_string(&mut text);
        let said =
            if body.is_ok() && !text.trim().is_empty() { text.trim() } else { "no reason given" };
        match status {
            401 if is_for_same_user => Failure::Refused(format!("{master}: {said}")),
            401 if is_executor => Failure::Refused(format!(
                "{master} does not know the executor by the token in \
                 MESOS_EXECUTOR_AUTHENTICATION_TOKEN ({said})"
            )),
            401 => Failure::Refused(format!(
                "{master} wants a name and a password that it knows ({said}); give them as \
                 mesos://USER:PASSWORD@HOST:PORT or as spark.mesos.principal and \
                 spark.mesos.secret"
            )),
            404 => {
                let path = self.path;
                let kind = if is_executor { "agent" } else { "master" };
                Failure::Refused(format!(
                    "{master} is no Mesos {kind}: there is nothing at {path}; is it the right port?"
                ))
            }
            429 | 500.. => {
                Failure::Unavailable(format!("{master} cannot serve now: {status}, {said}"))
            }
            _ => Failure::Refused(format!("{master} refused with {status}: {said}")),
        }
    }
}

impl Events {
    /// Waits for the next event, read as a message; `None` when the stream ends.
    pub(crate) fn next_message<M: Message + Default>(&mut self) -> Result<Option<M>, String> {
        let record = self.next_record()?;
        record
            .map(|record| M::decode(&*record))
            .transpose()
            .map_err(|error| format!("the master sent an event that cannot be read: {error}"))
    }

    /// Waits for the next event as it was sent; `None` when the stream ends.
    pub(crate) fn next_record(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Ok(Some(record));
            }
            let mut buffer = [0; 16 << 10];
            let read = self.body.read(&mut buffer).map_err(|error| error.to_string())?;
            if read == 0 {
                return Ok(None);
            }
            let records = self.decoder.push(&buffer[..read]).map_err(|error| error.to_string())?;
            self.ready.extend(records);
        }
    }
}

/// The master that another one names as the leader.
fn leader(master: &str, response: &Response<Body>) -> Result<String, Failure> {
    let location = header(response, "location").unwrap_or_default();
    let scheme = master.split("//").next().unwrap_or("http:");
    let host = location.split("//").nth(1).and_then(|rest| rest.split('/').next());
    match host.filter(|host| !host.is_empty()) {
        Some(host) => Ok(format!("{scheme}//{host}")),
        None => Err(Failure::Unavailable(format!("{master} does not say who leads"))),
    }
}

/// The port of a master at this machine's own address.
fn local_port(master: &str) -> Option<u16> {
    let (host, port) = master.split("//").nth(1)?.rsplit_once(':')?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    is_local.then(|| port.parse().ok()).flatten()
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// By what it is checked whom one speaks TLS with: the certificates in the file that `LIBPROCESS_SSL_CA_FILE`
/// names, as with Mesos, or those that everybody knows.
fn roots(file: Option<String>) -> RootCerts {
    let Some(file) = file else { return RootCerts::WebPki };
    // Who names a file wants no others: without it nobody is trusted.
    let text = std::fs::read(&file).unwrap_or_else(|error| {
        crate::log::warn(&format!("cannot read LIBPROCESS_SSL_CA_FILE {file}: {error}"));
        Vec::new()
    });
    let found = parse_pem(&text).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    RootCerts::from(found)
}

fn agent() -> Agent {
    let roots = roots(std::env::var("LIBPROCESS_SSL_CA_FILE").ok());
    Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .no_delay(true)
        .proxy(None)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .build()
        .new_agent()
}

#[cfg(test)]
mod tests;
