//! Takes in connections, and serves what is asked on each.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;

use super::access::Access;
use super::connections::{Request, Service};
use super::http::{self, Api};
use super::peer;
use super::readers::Readers;

/// How long the head of a request may take to arrive, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How many connections there are at most; others wait.
const MAXIMUM_CONNECTIONS: usize = 10_000;

/// How long it is waited when no connection can be taken in.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is known of who is at the other end of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    /// The address at which the connection came in.
    pub(super) local: Option<IpAddr>,
    /// Whether it is a program of the user who runs the master, if that matters.
    pub(super) is_same_user: bool,
    /// Whether only agents are asked where the connection came in.
    pub(super) asks_agents: bool,
    /// The token of an executor that was shown and found to be right.
    pub(super) executor_token: OnceLock<String>,
}

impl Peer {
    async fn of(stream: &TcpStream, access: &Access, asks_agents: bool) -> Self {
        let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
        let is_same_user = match ends {
            Some((local, peer)) if access.is_for_same_user() => {
                peer::is_of_same_user(local, peer).await
            }
            _ => false,
        };
        let local = ends.map(|(local, _)| local.ip());
        Self { local, is_same_user, asks_agents, executor_token: OnceLock::new() }
    }
}

/// Serves until the process ends.
pub(super) async fn serve(service: Service, requests: mpsc::Sender<Request>) {
    let Service { listener, agents, access, files, tls, hosts, has_jsonp } = service;
    let readers = Readers::new(requests.clone());
    let api = Arc::new(Api { requests, readers, access, files, hosts, has_jsonp });
    let permits = Arc::new(Semaphore::new(MAXIMUM_CONNECTIONS));
    if let Some(agents) = agents {
        let (api, permits, tls) = (Arc::clone(&api), Arc::clone(&permits), tls.clone());
        tokio::spawn(async move { accept(&agents, &api, &permits, tls, true).await });
    }
    accept(&listener, &api, &permits, tls, false).await;
}

/// Takes in connections at a listener.
async fn accept(
    listener: &TcpListener,
    api: &Arc<Api>,
    permits: &Arc<Semaphore>,
    tls: Option<TlsAcceptor>,
    asks_agents: bool,
) {
    loop {
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // As when there are no more file descriptors: some will be free again.
                tracing::warn!("cannot take in a connection to the Mesos API: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Events are small and wanted at once; one that cannot be sent so soon is sent all the same.
        let _ = stream.set_nodelay(true);
        let (tls, api) = (tls.clone(), Arc::clone(api));
        tokio::spawn(async move {
            let peer = Peer::of(&stream, &api.access, asks_agents).await;
            match tls {
                None => speak(stream, &api, &peer).await,
                Some(tls) => match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => speak(stream, &api, &peer).await,
                    Ok(Err(error)) => tracing::debug!("a connection to the Mesos API: {error}"),
                    Err(_) => tracing::debug!("a connection to the Mesos API: it says nothing"),
                },
            }
            drop(permit);
        });
    }
}

/// Serves a connection until it ends.
async fn speak<S>(stream: S, api: &Api, peer: &Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
        Ok::<_, std::convert::Infallible>(http::answer(api, peer, request.map(Body::new)).await)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!("a connection to the Mesos API: {error}");
    }
}
