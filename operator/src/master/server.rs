//! Takes in connections, and serves what is asked on each.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::budgets::Who;
use super::connections::{Request, Service};
use super::door::Door;
use super::http::{self, Api};
use super::readers::Readers;
use super::slots::Slot;
use super::tls::Tls;
use super::{peer, reload};

/// How long the head of a request may take to arrive, and how long a connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest head of a request, and how much is read of a connection before it is looked at.
const MAXIMUM_HEAD_BYTES: usize = 32 << 10;

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
    /// The token of an executor that was shown and found to be right, and whose it is.
    pub(super) executor: OnceLock<(String, Who)>,
    /// The place of the connection.
    pub(super) slot: Slot,
}

impl Peer {
    async fn of(
        stream: &TcpStream,
        remote: SocketAddr,
        slot: Slot,
        door: &Door,
        asks_agents: bool,
    ) -> Self {
        let local = stream.local_addr().ok();
        let is_same_user = match local {
            Some(local) if door.access.is_for_same_user() => {
                peer::is_of_same_user(local, remote).await
            }
            _ => false,
        };
        if is_same_user {
            // Without room it is told so when it asks for something.
            let _ = slot.identify(&Who::SameUser);
        }
        let local = local.map(|local| local.ip());
        Self { local, is_same_user, asks_agents, executor: OnceLock::new(), slot }
    }
}

/// Serves until the process ends.
pub(super) async fn serve(service: Service, requests: mpsc::Sender<Request>) {
    let Service { listener, agents, access, files, tls, hosts, has_jsonp, traffic, port } = service;
    let door = Arc::new(Door::new(access, hosts, traffic, port));
    let readers = Readers::new(requests.clone(), Arc::clone(&door.answers));
    let tls = tls.map(Arc::new);
    tokio::spawn(reload::follow(Arc::clone(&door), tls.clone()));
    let api = Arc::new(Api { requests, readers, door, files, has_jsonp });
    if let Some(agents) = agents {
        let (api, tls) = (Arc::clone(&api), tls.clone());
        tokio::spawn(async move { accept(&agents, &api, tls.as_ref(), true).await });
    }
    accept(&listener, &api, tls.as_ref(), false).await;
}

/// Takes in connections at a listener.
async fn accept(listener: &TcpListener, api: &Arc<Api>, tls: Option<&Arc<Tls>>, asks_agents: bool) {
    let door = &api.door;
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // As when there are no more file descriptors: some will be free again.
                tracing::warn!("cannot take in a connection to the Mesos API: {error}");
                door.slots.make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Events are small and wanted at once; one that cannot be sent so soon is sent all the same.
        let _ = stream.set_nodelay(true);
        let slot = door.slots.take(remote.ip());
        let (tls, api) = (tls.cloned(), Arc::clone(api));
        tokio::spawn(async move {
            let closed = slot.closed();
            let served = async {
                let peer = Peer::of(&stream, remote, slot, &api.door, asks_agents).await;
                serve_one(stream, &api, &peer, tls.as_deref()).await;
            };
            tokio::select! {
                () = closed => tracing::debug!("a connection to the Mesos API is closed"),
                () = served => {}
            }
        });
    }
}

async fn serve_one(stream: TcpStream, api: &Api, peer: &Peer, tls: Option<&Tls>) {
    let Some(tls) = tls else { return speak(stream, api, peer).await };
    match tls.acceptor().accept(stream).await {
        Ok(stream) => speak(stream, api, peer).await,
        Err(error) => tracing::debug!("a connection to the Mesos API: {error}"),
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
        .max_buf_size(MAXIMUM_HEAD_BYTES)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!("a connection to the Mesos API: {error}");
    }
}
