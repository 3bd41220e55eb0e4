//! Writes to the API server, and what came of them.
//!
//! Each write names the version or the uid of what it changes, so that none hits an object that is
//! another one by now.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, LogParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Status;
use kube::{Api, Client, ResourceExt};
use proffer_core::action::Launch;
use proffer_crds::executor::Assignment;
use proffer_crds::mesos::FrameworkDocument;
use proffer_crds::pool::ResourcePoolSpec;
use proffer_crds::{ResourcePool, ResourcePoolStatus, SparkExecutor, SparkJob};
use serde_json::{Value, json};

use super::driver_pod::LOG_LINES;
use super::gated_pod::placing_patch;
use super::names::{
    ACKNOWLEDGED_ANNOTATION, CHECKPOINT_ANNOTATION, DRIVER_CONTAINER, FIELD_MANAGER,
    MESOS_FIELD_MANAGER, OFFERED_CONDITION, POOL_FINALIZER,
};
use super::node::mark_patch;
use super::pod::ObjectName;
use super::spark_pod::Parts;
use crate::master::NodeMark;

/// The most that is read of a log.
const LOG_BYTES: i64 = 1 << 20;

/// A write, with all that it needs.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// Makes an executor: its pod, then its object. So an object without a pod tells that the pod is
    /// gone, and what was never told anything is a pod without an object.
    Launch {
        /// The pod.
        pod: Box<Pod>,
        /// The object, of the same name.
        executor: Box<SparkExecutor>,
        /// The uid of the pod if it was seen already, so that only the object has to be made.
        made: Option<Box<str>>,
    },
    /// Makes a Spark driver, with its settings and the Service of its page.
    LaunchDriver {
        /// What is made.
        parts: Box<Parts>,
        /// Its service account.
        account: String,
        /// Whether that is Proffer's own.
        makes_account: bool,
    },
    /// Tells an executor what to run.
    Assign {
        /// The object's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
        /// The generation that it has to have.
        generation: i64,
        /// What to run.
        assignments: Vec<Assignment>,
        /// The last report that is stored.
        acknowledged_report: i64,
        /// The least time between two reports.
        report_interval_milliseconds: i32,
    },
    /// Tells an executor to end by itself, so that its pod stays.
    Stop {
        /// The object's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
    },
    /// Deletes a pod.
    DeletePod {
        /// The pod's name.
        name: ObjectName,
        /// The uid that it has to have; unknown of one that may not have been made.
        uid: Option<Box<str>>,
        /// How long it may take; what the pod says if nothing is said here.
        grace_seconds: Option<u32>,
    },
    /// Pins a pod that waits to a node, if there is one, and lifts its gate.
    Place {
        /// The pod's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
        /// The offer that was accepted.
        launch: Launch,
    },
    /// Says in a pod's status whether it was offered a node.
    Explain {
        /// The pod's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
        /// Whether it was.
        offered: bool,
        /// One word.
        reason: Box<str>,
        /// A sentence.
        message: String,
    },
    /// Reads an executor's object.
    ReadExecutor {
        /// The object's name.
        name: ObjectName,
    },
    /// Reads an executor's pod.
    ReadPod {
        /// The pod's name.
        name: ObjectName,
    },
    /// Reads the end of a Spark driver's log.
    ReadLog {
        /// The pod's name.
        name: ObjectName,
    },
    /// Deletes an executor's object.
    DeleteExecutor {
        /// The object's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
    },
    /// Stores a job's status.
    JobStatus {
        /// The job with the new status, in the version that it replaces.
        job: Box<SparkJob>,
    },
    /// Makes the job that a framework of Mesos is.
    MakeJob {
        /// The job.
        job: Box<SparkJob>,
    },
    /// Stores what a framework says of itself.
    UpdateFramework {
        /// The job's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
        /// What it says.
        info: FrameworkDocument,
    },
    /// Makes the pod of a task.
    MakePod {
        /// The pod.
        pod: Box<Pod>,
    },
    /// Notes on the pod of a task that its framework knows how it ended.
    Acknowledge {
        /// The pod's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
    },
    /// Stores on the pod of an executor of a framework's own what is known of it.
    Checkpoint {
        /// The pod's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
        /// What is known.
        text: String,
    },
    /// Gives a pool weight, guarantee and limit.
    ShapePool {
        /// The pool.
        pool: Arc<ResourcePool>,
        /// These of its settings.
        spec: Box<ResourcePoolSpec>,
    },
    /// Marks a node: whether pods go there, and when it will be away.
    MarkNode {
        /// The node's name.
        name: Box<str>,
        /// The uid that it has to have.
        uid: Box<str>,
        /// What was decided.
        mark: NodeMark,
    },
    /// Deletes a job.
    DeleteJob {
        /// The job's name.
        name: ObjectName,
        /// The uid that it has to have.
        uid: Box<str>,
    },
    /// Stores a pool's status.
    PoolStatus {
        /// The pool in the version that it replaces.
        pool: Arc<ResourcePool>,
        /// The new status.
        status: Box<ResourcePoolStatus>,
    },
    /// Makes a pool without settings, unless there is one.
    CreatePool {
        /// The pool's name.
        name: Box<str>,
    },
    /// Sets or takes away what keeps a pool.
    KeepPool {
        /// The pool in the version that it replaces.
        pool: Arc<ResourcePool>,
        /// Whether it is kept.
        keep: bool,
    },
}

/// What came of a write.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An executor is there: its pod, unless that was seen before, and its object.
    Launched(Option<Box<Pod>>, Box<SparkExecutor>),
    /// An executor's object as it is now.
    Executor(Box<SparkExecutor>),
    /// A pod that was placed, or one of a driver or a task that was made.
    Placed(Box<Pod>),
    /// An executor's pod is there.
    Pod,
    /// The end of a log.
    Log(String),
    /// A job as it is now, and whether its status is the one that was to be stored.
    Job(Box<SparkJob>, bool),
    /// A pool as it is now.
    Pool(Box<ResourcePool>),
    /// It is done.
    Done,
    /// There is nothing of the name any more, or it is another object.
    Missing,
    /// The API server will not do it, however often it is asked.
    Refused(String),
    /// Nothing certain; to be tried again.
    Unknown(String),
}

/// What writes go through.
#[derive(Clone)]
pub(crate) struct Writer {
    client: Client,
}

impl Writer {
    /// A writer.
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Does a write.
    pub(crate) async fn perform(&self, write: Write) -> Reply {
        match write {
            Write::Launch { pod, executor, made: None } => self.launch(*pod, *executor).await,
            Write::Launch { executor, made: Some(pod_uid), .. } => {
                self.launch_object(None, pod_uid.into_string(), *executor).await
            }
            Write::Assign {
                name,
                uid,
                generation,
                assignments,
                acknowledged_report,
                report_interval_milliseconds,
            } => {
                let patch = json!([
                    {"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "test", "path": "/metadata/generation", "value": generation},
                    {"op": "add", "path": "/spec/assignments", "value": assignments},
                    {"op": "add", "path": "/spec/acknowledgedReport", "value": acknowledged_report},
                    {
                        "op": "add",
                        "path": "/spec/reportIntervalMilliseconds",
                        "value": report_interval_milliseconds,
                    },
                ]);
                self.patch_executor(&name, patch).await
            }
            Write::Stop { name, uid } => {
                let patch = json!([
                    {"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "add", "path": "/spec/stop", "value": true},
                ]);
                self.patch_executor(&name, patch).await
            }
            Write::DeletePod { name, uid, grace_seconds } => {
                let pods = self.api::<Pod>(&name.namespace);
                let uid = match uid {
                    Some(uid) => uid.into_string(),
                    None => match pods.get_opt(&name.name).await {
                        Ok(Some(pod)) => pod.uid().unwrap_or_default(),
                        Ok(None) => return Reply::Missing,
                        Err(error) => return Reply::Unknown(sentence(&error)),
                    },
                };
                delete(&pods, &name.name, &uid, grace_seconds).await
            }
            Write::Place { name, uid, launch } => self.place(&name, &uid, &launch).await,
            Write::LaunchDriver { parts, .. } => self.launch_driver(*parts).await,
            Write::Explain { name, uid, offered, reason, message } => {
                let condition = json!({
                    "type": OFFERED_CONDITION,
                    "status": if offered { "True" } else { "False" },
                    "reason": reason,
                    "message": message,
                    "lastTransitionTime": jiff::Timestamp::now(),
                });
                let patch = json!({
                    "metadata": {"uid": uid},
                    "status": {"conditions": [condition]},
                });
                let pods = self.api::<Pod>(&name.namespace);
                let patch = Patch::Strategic(patch);
                match pods.patch_status(&name.name, &PatchParams::default(), &patch).await {
                    Ok(_) => Reply::Done,
                    Err(kube::Error::Api(status)) if is_final(&status) || status.code == 409 => {
                        Reply::Missing
                    }
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Write::ReadExecutor { name } => {
                let executors = self.api::<SparkExecutor>(&name.namespace);
                match executors.get_opt(&name.name).await {
                    Ok(Some(object)) => Reply::Executor(Box::new(object)),
                    Ok(None) => Reply::Missing,
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Write::ReadPod { name } => {
                match self.api::<Pod>(&name.namespace).get_metadata_opt(&name.name).await {
                    Ok(Some(_)) => Reply::Pod,
                    Ok(None) => Reply::Missing,
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Write::ReadLog { name } => {
                let parameters = LogParams {
                    container: Some(DRIVER_CONTAINER.to_owned()),
                    tail_lines: Some(LOG_LINES),
                    limit_bytes: Some(LOG_BYTES),
                    ..LogParams::default()
                };
                match self.api::<Pod>(&name.namespace).logs(&name.name, &parameters).await {
                    Ok(log) => Reply::Log(log),
                    Err(error) => Reply::Refused(sentence(&error)),
                }
            }
            Write::DeleteExecutor { name, uid } => {
                let executors = self.api::<SparkExecutor>(&name.namespace);
                delete(&executors, &name.name, &uid, None).await
            }
            Write::JobStatus { job } => self.store_status(*job).await,
            Write::MakeJob { job } => self.make_job(*job).await,
            Write::UpdateFramework { name, uid, info } => {
                let patch = json!([
                    {"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "add", "path": "/spec/mesos/info", "value": info},
                ]);
                let jobs = self.api::<SparkJob>(&name.namespace);
                let patch = match serde_json::from_value(patch) {
                    Ok(patch) => Patch::Json::<()>(patch),
                    Err(error) => return Reply::Unknown(format!("cannot make a patch: {error}")),
                };
                match jobs.patch(&name.name, &PatchParams::default(), &patch).await {
                    Ok(job) => Reply::Job(Box::new(job), true),
                    Err(kube::Error::Api(status)) if is_final(&status) => Reply::Missing,
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Write::MakePod { pod } => {
                let owner = pod.owner_references().first().map(|owner| owner.uid.clone());
                self.make_pod(&pod, &owner.unwrap_or_default()).await
            }
            Write::Acknowledge { name, uid } => {
                self.annotate(&name, &uid, (ACKNOWLEDGED_ANNOTATION, "true")).await
            }
            Write::Checkpoint { name, uid, text } => {
                self.annotate(&name, &uid, (CHECKPOINT_ANNOTATION, &text)).await
            }
            Write::ShapePool { pool, spec } => {
                let pools: Api<ResourcePool> = Api::all(self.client.clone());
                let name = pool.name_any();
                // With the uid of the one that is meant, no other one is changed or made.
                let shape = json!({
                    "apiVersion": "proffer.dev/v1alpha1",
                    "kind": "ResourcePool",
                    "metadata": {"name": name, "uid": pool.uid()},
                    "spec": {"weight": spec.weight, "guarantee": spec.guarantee, "limit": spec.limit},
                });
                let parameters = PatchParams::apply(MESOS_FIELD_MANAGER).force();
                let shaped = pools.patch(&name, &parameters, &Patch::Apply(shape)).await;
                match shaped {
                    Err(kube::Error::Api(status)) if is_final(&status) => {
                        Reply::Refused(refusal(&status))
                    }
                    shaped => self.pool_reply(&pools, &name, shaped).await,
                }
            }
            Write::MarkNode { name, uid, mark } => {
                let nodes: Api<Node> = Api::all(self.client.clone());
                let patch = Patch::Merge(mark_patch(&uid, mark));
                match nodes.patch(&name, &PatchParams::default(), &patch).await {
                    Ok(_) => Reply::Done,
                    Err(kube::Error::Api(status)) if is_final(&status) || status.code == 409 => {
                        Reply::Refused(refusal(&status))
                    }
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Write::DeleteJob { name, uid } => {
                let jobs = self.api::<SparkJob>(&name.namespace);
                delete(&jobs, &name.name, &uid, None).await
            }
            Write::PoolStatus { pool, status } => {
                let pools: Api<ResourcePool> = Api::all(self.client.clone());
                let mut object = ResourcePool::clone(&pool);
                object.status = Some(*status);
                object.metadata.managed_fields = None;
                let name = object.name_any();
                let replaced = pools.replace_status(&name, &parameters(), &object).await;
                self.pool_reply(&pools, &name, replaced).await
            }
            Write::CreatePool { name } => {
                let pools: Api<ResourcePool> = Api::all(self.client.clone());
                let pool = ResourcePool::new(&name, ResourcePoolSpec::default());
                let created = pools.create(&parameters(), &pool).await;
                self.pool_reply(&pools, &name, created).await
            }
            Write::KeepPool { pool, keep } => {
                let pools: Api<ResourcePool> = Api::all(self.client.clone());
                let name = pool.name_any();
                let mut finalizers = pool.finalizers().to_vec();
                finalizers.retain(|finalizer| finalizer != POOL_FINALIZER);
                if keep {
                    finalizers.push(POOL_FINALIZER.to_owned());
                }
                let patch = json!({"metadata": {
                    "finalizers": finalizers,
                    "resourceVersion": pool.resource_version(),
                }});
                let patched =
                    pools.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
                self.pool_reply(&pools, &name, patched).await
            }
        }
    }

    /// Lets the executors of a namespace read their assignments and report: binds a role to the
    /// namespace's service accounts.
    pub(crate) async fn bind_executors(
        &self,
        namespace: &str,
        role: &str,
    ) -> Result<(), kube::Error> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), namespace);
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": role,
                "labels": {"app.kubernetes.io/managed-by": "proffer"},
            },
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Group",
                "name": format!("system:serviceaccounts:{namespace}"),
            }],
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(role, &parameters, &Patch::Apply(binding)).await.map(|_| ())
    }

    /// Lets a service account make the executors of Spark, and makes it if it is Proffer's own.
    pub(crate) async fn bind_driver(
        &self,
        namespace: &str,
        role: &str,
        account: &str,
        makes_account: bool,
    ) -> Result<(), kube::Error> {
        let labels = json!({"app.kubernetes.io/managed-by": "proffer"});
        if makes_account {
            let accounts = self.api::<ServiceAccount>(namespace);
            let object = json!({"metadata": {"name": account, "labels": &labels}});
            let made = match serde_json::from_value(object) {
                Ok(object) => accounts.create(&parameters(), &object).await,
                Err(error) => return Err(kube::Error::SerdeError(error)),
            };
            match made {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                made => drop(made?),
            }
        }
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), namespace);
        let name = if makes_account { role.to_owned() } else { format!("{role}-{account}") };
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "labels": labels},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(&name, &parameters, &Patch::Apply(binding)).await.map(|_| ())
    }

    /// The settings come first, as the driver's pod cannot start without them.
    async fn launch_driver(&self, parts: Parts) -> Reply {
        let Parts { settings, service, driver } = parts;
        let namespace = driver.namespace().unwrap_or_default();
        let owner = driver.owner_references().first().map(|owner| owner.uid.clone());
        let owner = owner.unwrap_or_default();
        let made = self.api::<ConfigMap>(&namespace).create(&parameters(), &settings).await.err();
        let served = self.api::<Service>(&namespace).create(&parameters(), &service).await.err();
        for error in made.into_iter().chain(served) {
            match error {
                kube::Error::Api(status) if status.code == 409 => {}
                kube::Error::Api(status) if is_final(&status) => {
                    return Reply::Refused(refusal(&status));
                }
                error => return Reply::Unknown(sentence(&error)),
            }
        }
        self.make_pod(&driver, &owner).await
    }

    /// Makes a job, unless it is there.
    async fn make_job(&self, job: SparkJob) -> Reply {
        let jobs = self.api::<SparkJob>(&job.namespace().unwrap_or_default());
        let id = |job: &SparkJob| job.spec.mesos.as_ref().map(|it| it.framework_id.clone());
        match jobs.create(&parameters(), &job).await {
            Ok(made) => Reply::Job(Box::new(made), true),
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => {
                match jobs.get_opt(&job.name_any()).await {
                    Ok(Some(there)) if id(&there) == id(&job) => Reply::Job(Box::new(there), true),
                    Ok(Some(_)) => {
                        Reply::Refused("there is another SparkJob of its name".to_owned())
                    }
                    Ok(None) if status.code != 409 => Reply::Refused(refusal(&status)),
                    Ok(None) => Reply::Unknown(sentence(&kube::Error::Api(status))),
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    /// Makes a pod, unless it is there.
    async fn make_pod(&self, pod: &Pod, owner: &str) -> Reply {
        let namespace = pod.namespace().unwrap_or_default();
        let pods = self.api::<Pod>(&namespace);
        let name = pod.name_any();
        match pods.create(&parameters(), pod).await {
            Ok(pod) => Reply::Placed(Box::new(pod)),
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => {
                match pods.get_opt(&name).await {
                    Ok(Some(there)) if is_of(&there, owner) => Reply::Placed(Box::new(there)),
                    Ok(None) if status.code != 409 => Reply::Refused(refusal(&status)),
                    Ok(_) => Reply::Unknown(format!("there is another pod {namespace}/{name}")),
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    async fn launch(&self, pod: Pod, executor: SparkExecutor) -> Reply {
        let namespace = pod.namespace().unwrap_or_default();
        let name = pod.name_any();
        let owner = executor.spec.job_uid.clone();
        let pods = self.api::<Pod>(&namespace);
        let made = match pods.create(&parameters(), &pod).await {
            Ok(made) => made,
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => {
                // An earlier attempt of which nothing was heard may have made it.
                match pods.get_opt(&name).await {
                    Ok(Some(there)) if is_of(&there, &owner) => there,
                    Ok(None) if status.code != 409 => return Reply::Refused(refusal(&status)),
                    Ok(_) => {
                        return Reply::Unknown(format!("there is another pod {namespace}/{name}"));
                    }
                    Err(error) => return Reply::Unknown(sentence(&error)),
                }
            }
            Err(error) => return Reply::Unknown(sentence(&error)),
        };
        let pod_uid = made.uid().unwrap_or_default();
        self.launch_object(Some(Box::new(made)), pod_uid, executor).await
    }

    async fn launch_object(
        &self,
        made: Option<Box<Pod>>,
        pod_uid: String,
        executor: SparkExecutor,
    ) -> Reply {
        let namespace = executor.namespace().unwrap_or_default();
        let (name, owner) = (executor.name_any(), executor.spec.job_uid.clone());
        let pods = self.api::<Pod>(&namespace);
        let executors = self.api::<SparkExecutor>(&namespace);
        let refused = match executors.create(&parameters(), &executor).await {
            Ok(object) => return Reply::Launched(made, Box::new(object)),
            Err(kube::Error::Api(status)) if status.code == 409 || is_final(&status) => status,
            Err(error) => return Reply::Unknown(sentence(&error)),
        };
        match executors.get_opt(&name).await {
            Ok(Some(there)) if there.spec.job_uid == owner => {
                Reply::Launched(made, Box::new(there))
            }
            Ok(None) if refused.code != 409 => {
                // Nothing that could be told anything is left running.
                match delete(&pods, &name, &pod_uid, Some(0)).await {
                    Reply::Done | Reply::Missing => Reply::Refused(refusal(&refused)),
                    other => other,
                }
            }
            Ok(_) => Reply::Unknown(format!("there is another SparkExecutor {namespace}/{name}")),
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    /// What a pod says of nodes may have changed since it was seen, so it is read first.
    async fn place(&self, name: &ObjectName, uid: &str, launch: &Launch) -> Reply {
        let pods = self.api::<Pod>(&name.namespace);
        let pod = match pods.get_opt(&name.name).await {
            Ok(Some(pod)) if pod.uid().as_deref() == Some(uid) => pod,
            Ok(_) => return Reply::Missing,
            Err(error) => return Reply::Unknown(sentence(&error)),
        };
        let patch = match placing_patch(&pod, launch) {
            Ok(Some(patch)) => patch,
            Ok(None) => return Reply::Placed(Box::new(pod)),
            Err(problem) => return Reply::Refused(problem),
        };
        match pods.patch(&name.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(pod) => Reply::Placed(Box::new(pod)),
            Err(kube::Error::Api(status)) if status.code == 404 => Reply::Missing,
            Err(kube::Error::Api(status)) if is_final(&status) => Reply::Refused(refusal(&status)),
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    async fn patch_executor(&self, name: &ObjectName, patch: Value) -> Reply {
        let executors = self.api::<SparkExecutor>(&name.namespace);
        let patch = match serde_json::from_value(patch) {
            Ok(patch) => Patch::Json::<()>(patch),
            Err(error) => return Reply::Unknown(format!("cannot make a patch: {error}")),
        };
        match executors.patch(&name.name, &PatchParams::default(), &patch).await {
            Ok(object) => Reply::Executor(Box::new(object)),
            Err(kube::Error::Api(status)) if status.code == 404 => Reply::Missing,
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    async fn store_status(&self, job: SparkJob) -> Reply {
        let jobs = self.api::<SparkJob>(&job.namespace().unwrap_or_default());
        let name = job.name_any();
        match jobs.replace_status(&name, &parameters(), &job).await {
            Ok(job) => Reply::Job(Box::new(job), true),
            Err(kube::Error::Api(status)) if status.code == 404 => Reply::Missing,
            Err(kube::Error::Api(status)) if status.code == 409 => {
                match jobs.get_opt(&name).await {
                    Ok(Some(there)) if there.uid() == job.uid() => {
                        Reply::Job(Box::new(there), false)
                    }
                    Ok(_) => Reply::Missing,
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    /// Gives a pod of this uid an annotation.
    async fn annotate(&self, name: &ObjectName, uid: &str, (key, value): (&str, &str)) -> Reply {
        let patch = json!({"metadata": {"uid": uid, "annotations": {key: value}}});
        let pods = self.api::<Pod>(&name.namespace);
        match pods.patch(&name.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Reply::Done,
            Err(kube::Error::Api(status)) if is_final(&status) || status.code == 409 => {
                Reply::Missing
            }
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    async fn pool_reply(
        &self,
        pools: &Api<ResourcePool>,
        name: &str,
        written: Result<ResourcePool, kube::Error>,
    ) -> Reply {
        match written {
            Ok(pool) => Reply::Pool(Box::new(pool)),
            Err(kube::Error::Api(status)) if status.code == 404 => Reply::Missing,
            // What it is now is written next time.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                match pools.get_opt(name).await {
                    Ok(Some(pool)) => Reply::Pool(Box::new(pool)),
                    Ok(None) => Reply::Missing,
                    Err(error) => Reply::Unknown(sentence(&error)),
                }
            }
            Err(error) => Reply::Unknown(sentence(&error)),
        }
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

fn parameters() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

async fn delete<K>(api: &Api<K>, name: &str, uid: &str, grace_seconds: Option<u32>) -> Reply
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let parameters = DeleteParams {
        grace_period_seconds: grace_seconds,
        ..DeleteParams::background().preconditions(preconditions)
    };
    match api.delete(name, &parameters).await {
        Ok(_) => Reply::Done,
        // A conflict is about the uid: the one that was meant is gone.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Reply::Missing,
        Err(error) => Reply::Unknown(sentence(&error)),
    }
}

/// Whether the pod was made for this job.
fn is_of(pod: &Pod, job_uid: &str) -> bool {
    let owned = pod.owner_references().iter().any(|owner| owner.uid == job_uid);
    owned && pod.metadata.deletion_timestamp.is_none()
}

/// Whether asking again gives the same answer until somebody changes something.
fn is_final(status: &Status) -> bool {
    (400..500).contains(&status.code) && !matches!(status.code, 401 | 408 | 409 | 429)
}

/// Why something was refused, without what the API server says of every refusal.
fn refusal(status: &Status) -> String {
    let message = status.message.trim();
    let about = [" is forbidden: ", " is invalid: "];
    let short = about.iter().find_map(|marker| Some(message.split_once(marker)?.1));
    short.unwrap_or(message).to_owned()
}

/// What went wrong, in one line.
fn sentence(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        error => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                let inner_text = inner.to_string();
                if !text.contains(&inner_text) {
                    text = format!("{text}: {inner_text}");
                }
                cause = inner.source();
            }
            text
        }
    }
}
