//! Serving the HTTP API of Mesos from the operator that decides.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, ResourceExt};

use super::names::{JOB_LABEL, TASK_CONTAINER, TASK_LABEL};
use super::operator::MesosSettings;
use super::task_pod::{Authority, TaskSettings, label_value};
use crate::configuration::{self, Mesos};
use crate::master::access::Access;
use crate::master::connections::{Connections, Service, listen};
use crate::master::files::{Container, Files, Logs};
use crate::master::hosts::Hosts;
use crate::master::tls::Tls;
use crate::master::{MasterSettings, Meter, executor_name};
use crate::web::Port;
use proffer_core::time::Span;

/// How much is read of what a task has written.
const LOG_BYTES: i64 = 8 << 20;

/// The logs of tasks' pods.
struct PodLogs(Client);

impl Logs for PodLogs {
    fn read(&self, container: Container) -> BoxFuture<'static, Result<Option<String>, String>> {
        let client = self.0.clone();
        async move {
            let Container { job, agent, executor, id } = container;
            // A task that has no executor of its own, or such an executor.
            let of_executor = executor_name(&agent, &executor);
            let names = [&executor, &*of_executor].map(label_value).join(",");
            // Pods of other frameworks and other namespaces are not looked at.
            let labels = format!("{JOB_LABEL}={},{TASK_LABEL} in ({names})", job.name);
            let pods: Api<Pod> = Api::namespaced(client, &job.namespace);
            let listed = pods.list_metadata(&ListParams::default().labels(&labels)).await;
            let listed = listed.map_err(|error| error.to_string())?;
            let Some(pod) = listed.items.iter().find(|pod| pod.uid().as_ref() == Some(&id)) else {
                return Ok(None);
            };
            let parameters = LogParams {
                container: Some(TASK_CONTAINER.to_owned()),
                limit_bytes: Some(LOG_BYTES),
                ..LogParams::default()
            };
            let log = pods.logs(&pod.name_any(), &parameters).await;
            log.map(Some).map_err(|error| error.to_string())
        }
        .boxed()
    }
}

/// What is served, and what the operator has to know for it; nothing if it is not to be served.
pub(super) async fn serve(
    client: &Client,
    configuration: &Mesos,
    port: Port,
) -> anyhow::Result<Option<(MesosSettings, Connections)>> {
    if !configuration.enabled {
        return Ok(None);
    }
    let access: Arc<Access> = match &configuration.credentials_file {
        Some(file) => Access::load(Path::new(file)).map_err(|problem| anyhow!(problem))?,
        None if configuration.allow_anonymous => Access::default(),
        // It is served at a loopback address only.
        None => Access::of_same_user(None),
    }
    .into();
    let address: SocketAddr = configuration.address.parse().context("mesos.address")?;
    if !address.ip().is_loopback() && !access.is_required() && !configuration.allow_anonymous {
        return Err(anyhow!(
            "mesos.address is {address}, and whoever can reach it could run pods: set \
             mesos.credentialsFile, or mesos.allowAnonymous if that is as it should be"
        ));
    }
    let files = configuration.tls.as_ref();
    let tls = files.map(|files| Tls::load(&files.certificate_file, &files.key_file));
    let tls = tls.transpose().map_err(|problem| anyhow!(problem))?;
    let authority = configuration.tls.as_ref().map(authority).transpose()?.flatten();
    let listener =
        listen(address).await.with_context(|| format!("cannot serve Mesos at {address}"))?;
    let port_number = listener.local_addr().map_or(address.port(), |local| local.port());
    let own = std::env::var("POD_IP").ok().and_then(|ip| ip.parse::<IpAddr>().ok());
    let ip = match own {
        Some(ip) => ip,
        None if address.ip().is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        None => address.ip(),
    };
    let host = configuration.advertised_host.clone().unwrap_or_else(|| ip.to_string());
    let own = ip.to_string();
    let named = configuration.hosts.iter().chain([&host, &own]).map(String::as_str);
    let bound = SocketAddr::new(address.ip(), port_number);
    let hosts = Hosts::new(bound, named).map_err(|problem| anyhow!("mesos.hosts: {problem}"))?;
    let settings = MesosSettings {
        master: MasterSettings {
            id: uuid::Uuid::new_v4().to_string(),
            address: SocketAddr::new(ip, port_number),
            agents_address: SocketAddr::new(ip, port_number),
            hostname: host.clone(),
            namespace: configuration.namespace.as_str().into(),
            least_failover: Span::from_seconds(configuration.minimum_failover_seconds.into()),
            sandboxes: None,
            access: Arc::clone(&access),
            limits: (&configuration.limits).into(),
            // Kubernetes measures pods.
            meter: Meter::default(),
            port: port.clone(),
        },
        tasks: TaskSettings {
            default_image: configuration.default_image.clone(),
            user: Some(configuration.run_as_user).filter(|user| *user >= 0),
            host_ports: configuration.host_ports,
            privileges: configuration.privileges.clone(),
            agent: format!("{host}:{port_number}"),
            is_encrypted: configuration.tls.is_some(),
            authority,
        },
        ttl_seconds: configuration.ttl_seconds_after_finished.into(),
    };
    tracing::info!("frameworks of Mesos are served at {}", settings.tasks.agent);
    let files = Files::Logs(Arc::new(PodLogs(client.clone())));
    let has_jsonp = configuration.jsonp;
    let traffic = (&configuration.traffic).into();
    let service =
        Service { listener, agents: None, access, files, tls, hosts, has_jsonp, traffic, port };
    Ok(Some((settings, Connections::serve(service))))
}

/// By what executors check the certificate: the file `ca.crt` beside it, if there is one.
fn authority(files: &configuration::Tls) -> anyhow::Result<Option<Authority>> {
    let file = Path::new(&files.certificate_file).with_file_name("ca.crt");
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(Authority { file, text })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow!("mesos.tls: cannot read {}: {error}", file.display())),
    }
}
