//! Serving the HTTP API of Mesos from the operator that decides.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use super::operator::MesosSettings;
use super::task_pod::TaskSettings;
use crate::configuration::Mesos;
use crate::master::MasterSettings;
use crate::master::access::Access;
use crate::master::connections::{Connections, Service, listen, tls};
use crate::master::files::Files;

/// What is served, and what the operator has to know for it; nothing if it is not to be served.
pub(super) async fn serve(
    configuration: &Mesos,
) -> anyhow::Result<Option<(MesosSettings, Connections)>> {
    if !configuration.enabled {
        return Ok(None);
    }
    let file = configuration.credentials_file.as_deref();
    let access = file.map(|file| Access::load(Path::new(file))).transpose();
    let access: Arc<Access> =
        access.map_err(|problem| anyhow!(problem))?.unwrap_or_default().into();
    let address: SocketAddr = configuration.address.parse().context("mesos.address")?;
    if !address.ip().is_loopback() && !access.is_required() && !configuration.allow_anonymous {
        return Err(anyhow!(
            "mesos.address is {address}, and whoever can reach it could run pods: set \
             mesos.credentialsFile, or mesos.allowAnonymous if that is as it should be"
        ));
    }
    let tls = configuration.tls.as_ref().map(|files| tls(&files.certificate_file, &files.key_file));
    let tls = tls.transpose().map_err(|problem| anyhow!(problem))?;
    let listener =
        listen(address).await.with_context(|| format!("cannot serve Mesos at {address}"))?;
    let port = listener.local_addr().map_or(address.port(), |local| local.port());
    let own = std::env::var("POD_IP").ok().and_then(|ip| ip.parse::<IpAddr>().ok());
    let ip = match own {
        Some(ip) => ip,
        None if address.ip().is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        None => address.ip(),
    };
    let host = configuration.advertised_host.clone().unwrap_or_else(|| ip.to_string());
    let settings = MesosSettings {
        master: MasterSettings {
            id: uuid::Uuid::new_v4().to_string(),
            address: SocketAddr::new(ip, port),
            hostname: host.clone(),
            namespace: configuration.namespace.as_str().into(),
            least_failover_milliseconds: u64::from(configuration.minimum_failover_seconds) * 1000,
            sandboxes: None,
            access: Arc::clone(&access),
        },
        tasks: TaskSettings {
            default_image: configuration.default_image.clone(),
            user: Some(configuration.run_as_user).filter(|user| *user >= 0),
            host_ports: configuration.host_ports,
            agent: format!("{host}:{port}"),
        },
        ttl_seconds: configuration.ttl_seconds_after_finished.into(),
    };
    tracing::info!("frameworks of Mesos are served at {}", settings.tasks.agent);
    let service = Service { listener, access, files: Files { folder: None }, tls };
    Ok(Some((settings, Connections::serve(service))))
}
