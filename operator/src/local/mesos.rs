//! Frameworks that speak Mesos's API, on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proffer_core::event::NodeObservation;
use tokio::net::TcpListener;

use super::cluster::LocalCluster;
use super::progress::Progress;
use crate::configuration::{MesosLimits, MesosTraffic};
use crate::master::access::Access;
use crate::master::connections::{Service, listen};
use crate::master::files::{Files, Folder};
use crate::master::host::{self, Host, Tasks};
use crate::master::hosts::Hosts;
use crate::master::nothing::Nothing;
use crate::master::processes::Processes;
use crate::master::{Master, MasterSettings, Meter, agent_ports};
use crate::web::Port;
use proffer_core::time::Span;
use proffer_mesos::token::TokenFile;

/// Where tools look for a master, and for agents.
const MASTER_PORT: u16 = 5050;
const AGENT_PORT: u16 = 5051;

/// The resource that Mesos calls disk.
const DISK: &str = "ephemeral-storage";

/// The command line arguments about Mesos.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct MesosArguments {
    /// Serve frameworks that speak Mesos's HTTP API, until interrupted; at 127.0.0.1:5050 by default
    ///
    /// Whoever can reach the address can run commands on this machine, so it is a loopback address
    /// unless there are credentials; port 0 is any that is free.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:5050"
    )]
    mesos: Option<SocketAddr>,

    /// Serve only those whom this file names, as {"credentials": [{"principal": …, "secret": …}]}
    ///
    /// With a list of "roles", a principal may use these and those below, and sees what is in them, but does
    /// not change the cluster; "view" is what it sees beside that, as "all" or a list of names; with a number
    /// "qps" it may call so often in a second. A changed file is read within seconds.
    #[arg(long, value_name = "FILE", requires = "mesos")]
    mesos_credentials: Option<PathBuf>,

    /// A name by which this machine is called in requests, beside localhost and the address (repeatable)
    ///
    /// Requests for other hosts are refused, as pages of others make them in a browser.
    #[arg(long, value_name = "HOST", requires = "mesos")]
    mesos_host: Vec<String>,

    /// Have agents asked at an address of their own; at port 5051 by default if the master is at 5050 and
    /// that is free
    ///
    /// Tools of Mesos look there for what tasks use and for their files. All agents are there, below
    /// /slave(1) and so on; what is asked without that is asked of the first.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "mesos")]
    mesos_agents: Option<SocketAddr>,

    /// Answer with a call of the function that ?jsonp=NAME names, which pages of others can read
    #[arg(long, requires = "mesos")]
    mesos_jsonp: bool,

    /// Let tasks end as soon as they begin
    #[arg(long, hide = true, requires = "mesos")]
    without_processes: bool,

    /// Keep the sandboxes of Mesos tasks in this folder; otherwise they go when this program ends
    #[arg(long, value_name = "FOLDER", requires = "mesos")]
    sandboxes: Option<PathBuf>,
}

impl MesosArguments {
    pub(super) fn is_asked_for(&self) -> bool {
        self.mesos.is_some()
    }
}

/// A folder that goes when nobody needs it any more.
pub(super) struct Sandboxes {
    folder: PathBuf,
    is_kept: bool,
}

/// What a master leaves behind only for as long as it runs.
pub(super) struct Traces {
    _sandboxes: Sandboxes,
    _token: Option<TokenFile>,
}

impl Drop for Sandboxes {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is in the system's folder for such things.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Begins to serve, if that is asked for; the error is a sentence.
pub(super) async fn start(
    arguments: &MesosArguments,
    cluster: &mut LocalCluster,
    nodes: &mut [NodeObservation],
    progress: &Progress,
) -> Result<Option<Traces>, String> {
    let Some(address) = arguments.mesos else { return Ok(None) };
    let named = arguments.mesos_credentials.as_deref().map(Access::load).transpose()?;
    if !address.ip().is_loopback() && named.is_none() {
        return Err(format!(
            "--mesos {address}: whoever can reach this address could run commands on this machine; \
             take a loopback address such as 127.0.0.1:5050, or give --mesos-credentials"
        ));
    }
    let listener = listen(address).await;
    let listener = listener.map_err(|error| format!("--mesos {address}: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("--mesos {address}: {error}"))?;
    let (access, token) = match named {
        Some(named) => (named, None),
        None => of_same_user(address.port(), progress),
    };
    let access = Arc::new(access);
    let agents = agents_listener(arguments, address, progress).await?;
    let of_agents = agents.as_ref().and_then(|agents| agents.local_addr().ok());
    let agents_address = of_agents.unwrap_or(address);
    let named = arguments.mesos_host.iter().map(String::as_str);
    let hosts = Hosts::new(address, named).map_err(|problem| format!("--mesos-host: {problem}"))?;
    let sandboxes = sandboxes(arguments.sandboxes.as_deref())?;
    let disk = free_bytes(&sandboxes.folder);
    for node in nodes {
        node.ports = agent_ports();
        if !node.allocatable.iter().any(|(name, _)| **name == *DISK) {
            node.allocatable.push((DISK.into(), disk));
        }
    }
    let (sender, news) = host::news();
    let folder = sandboxes.folder.clone();
    let (tasks, meter): (Box<dyn Tasks>, Meter) = if arguments.without_processes {
        (Box::new(Nothing(sender)), Meter::default())
    } else {
        let processes = Processes::new(cluster.children(), sender, folder, agents_address);
        let meter = processes.meter();
        (Box::new(processes), meter)
    };
    let port = Port::default();
    let master = Master::new(
        cluster.now(),
        MasterSettings {
            id: uuid::Uuid::new_v4().to_string(),
            address,
            agents_address,
            hostname: "localhost".to_owned(),
            namespace: "mesos".into(),
            least_failover: Span::ZERO,
            sandboxes: Some(sandboxes.folder.clone()),
            access: access.clone(),
            limits: (&MesosLimits::default()).into(),
            meter,
            port: port.clone(),
        },
    );
    let files = Files::Folder(Folder::new(sandboxes.folder.clone()));
    let has_jsonp = arguments.mesos_jsonp;
    let traffic = (&MesosTraffic::default()).into();
    let service =
        Service { listener, agents, access, files, tls: None, hosts, has_jsonp, traffic, port };
    cluster.serve_mesos(Host::serve(service, master, tasks, news));
    progress.line(&format!("Mesos frameworks are served at http://{address}"));
    Ok(Some(Traces { _sandboxes: sandboxes, _token: token }))
}

/// Listens where agents are asked, if they have an address of their own.
async fn agents_listener(
    arguments: &MesosArguments,
    master: SocketAddr,
    progress: &Progress,
) -> Result<Option<TcpListener>, String> {
    if let Some(address) = arguments.mesos_agents {
        if address.ip() != master.ip() {
            return Err(format!(
                "--mesos-agents {address}: agents are at the master's own address, {}, at another port",
                master.ip()
            ));
        }
        let listener = listen(address).await;
        return listener.map(Some).map_err(|error| format!("--mesos-agents {address}: {error}"));
    }
    if master.port() != MASTER_PORT {
        return Ok(None);
    }
    let address = SocketAddr::new(master.ip(), AGENT_PORT);
    match listen(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => {
            progress.line(&format!("Agents are asked at the master's port: {address}: {error}"));
            Ok(None)
        }
    }
}

/// Serves the user who runs this program, and writes the token for those of its programs whose connections
/// cannot be told from others'.
fn of_same_user(port: u16, progress: &Progress) -> (Access, Option<TokenFile>) {
    let token = uuid::Uuid::new_v4().to_string();
    match TokenFile::write(port, &token) {
        Ok(file) => (Access::of_same_user(Some(token)), Some(file)),
        Err(error) => {
            progress.line(&format!(
                "No token for Mesos frameworks can be written ({error}): they are served if they \
                 connect as this user"
            ));
            (Access::of_same_user(None), None)
        }
    }
}

fn sandboxes(folder: Option<&Path>) -> Result<Sandboxes, String> {
    let made = || std::env::temp_dir().join(format!("proffer-{}", uuid::Uuid::new_v4()));
    let path = folder.map_or_else(made, Path::to_owned);
    let create = std::fs::create_dir_all(&path).and_then(|()| path.canonicalize());
    let path =
        create.map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?;
    Ok(Sandboxes { folder: path, is_kept: folder.is_some() })
}

/// What is free in a folder's file system.
fn free_bytes(folder: &Path) -> i64 {
    let Ok(system) = rustix::fs::statvfs(folder) else { return 0 };
    i64::try_from(system.f_bavail.saturating_mul(system.f_frsize)).unwrap_or(i64::MAX)
}
