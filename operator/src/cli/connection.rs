//! The way to a cluster, and what went wrong on it in sentences.

use std::fmt::Debug;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Api, Client, Config, Resource};
use proffer_crds::SparkJob;
use serde::de::DeserializeOwned;

/// Which cluster is meant.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ConnectionArguments {
    /// The namespace; that of the context, or of the pod that this runs in, if it is not given
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,

    /// The context of the kubeconfig; its current one if it is not given
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// The kubeconfig; $KUBECONFIG, ~/.kube/config or a pod's own access if it is not given
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// A cluster, and a namespace of it.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(super) namespace: String,
}

impl Connection {
    /// Finds the cluster; nothing is sent to it yet.
    pub(super) async fn open(arguments: &ConnectionArguments) -> anyhow::Result<Self> {
        let config = config(arguments).await?;
        let default = config.default_namespace.clone();
        let namespace = arguments.namespace.clone().unwrap_or(default);
        let client = Client::try_from(config)
            .context("the access data of the cluster cannot be used; look into the kubeconfig")?;
        Ok(Self { client, namespace })
    }

    /// The objects of a kind in the namespace, or in all of them.
    pub(super) fn api<K>(&self, all_namespaces: bool) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        if all_namespaces {
            Api::all(self.client.clone())
        } else {
            Api::namespaced(self.client.clone(), &self.namespace)
        }
    }

    /// A job of the namespace.
    pub(super) async fn job(&self, name: &str) -> anyhow::Result<SparkJob> {
        self.api(false).get(name).await.map_err(|error| {
            if is_missing(&error) {
                anyhow!("there is no job {name} in namespace {}", self.namespace)
            } else {
                sentence(error, &format!("cannot get job {name}"))
            }
        })
    }
}

/// The objects of a kind that have some labels.
pub(super) async fn list<K>(api: &Api<K>, selector: Option<&str>) -> anyhow::Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut parameters = ListParams::default();
    if let Some(selector) = selector {
        parameters = parameters.labels(selector);
    }
    let list = api.list(&parameters).await;
    let list = list.map_err(|error| sentence(error, &format!("cannot list {}", K::plural(&()))))?;
    Ok(list.items)
}

async fn config(arguments: &ConnectionArguments) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: arguments.context.clone(), ..Default::default() };
    if let Some(file) = &arguments.kubeconfig {
        let kubeconfig = Kubeconfig::read_from(file)
            .with_context(|| format!("cannot read the kubeconfig {}", file.display()))?;
        return Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .with_context(|| format!("cannot use the kubeconfig {}", file.display()));
    }
    if arguments.context.is_some() {
        return Config::from_kubeconfig(&options).await.context("cannot use the kubeconfig");
    }
    Config::infer().await.context(
        "there is no cluster: give --kubeconfig, set KUBECONFIG, or run in a pod with a service \
         account",
    )
}

/// Whether an object of this name is not there, of a kind that the cluster knows.
pub(super) fn is_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status)
        if status.code == 404
            && !of_no_object(status))
}

fn of_no_object(status: &Status) -> bool {
    status.details.as_ref().is_none_or(|details| details.name.is_empty())
}

/// Whether trying again cannot help.
pub(super) fn is_hopeless(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 400 | 401 | 403 | 404))
}

/// What went wrong: `cannot list sparkjobs: …`.
pub(super) fn sentence(error: kube::Error, what: &str) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if status.code == 404 && of_no_object(&status) => anyhow!(
            "{what}: the cluster does not know this kind; install Proffer in it first \
             (helm install proffer charts/proffer)"
        ),
        kube::Error::Api(status) if status.code == 401 => anyhow!(
            "{what}: the cluster does not know who asks; get new access data ({})",
            status.message
        ),
        kube::Error::Api(status) => anyhow!("{what}: {}", status.message),
        kube::Error::Service(_) | kube::Error::HyperError(_) => {
            let error = anyhow::Error::new(error);
            anyhow!("{what}: the cluster cannot be reached: {}", error.root_cause())
        }
        other => anyhow::Error::new(other).context(what.to_owned()),
    }
}
