//! Frameworks and tasks that were there before this process began.

use std::sync::Arc;

use kube::ResourceExt;
use proffer_core::frameworks::TaskId;
use proffer_core::time::Time;
use proffer_crds::SparkJob;
use proffer_mesos::from_json;
use proffer_mesos::types::TaskInfo;

use super::super::super::pod::{ObjectName, PodFacts};
use super::super::common::{Common, JobKind};
use super::Mesos;
use super::tasks::{Step, TaskPod};
use crate::convert;
use crate::master::{Effect, TaskKey, is_executor};

impl Mesos {
    /// Takes in the frameworks that there were, and their tasks.
    pub(in super::super) fn restore(&mut self, common: &mut Common, now: Time) {
        let jobs = common.jobs.values().filter(|job| job.kind == JobKind::Framework);
        let mut jobs: Vec<Arc<SparkJob>> = jobs.map(|job| Arc::clone(&job.object)).collect();
        // The oldest job of an id has it.
        jobs.sort_by_key(|job| job.creation_timestamp().map(|time| time.0));
        for job in jobs {
            let Some(restored) = convert::mesos::restored(&job) else {
                tracing::warn!(job = job.name_any(), "it has no framework that can be understood");
                continue;
            };
            if self.master.knows(&restored.id) {
                continue;
            }
            if restored.ended_at.is_none() {
                self.due.insert(restored.id.clone(), now);
            }
            self.master.restore_framework(restored);
        }
        self.restore_tasks(common, now);
        for effect in self.master.take_effects() {
            if let Effect::Engine(event) = effect {
                common.engine.handle(now, event);
            }
        }
    }

    /// Takes in the tasks that run or ran.
    fn restore_tasks(&mut self, common: &mut Common, now: Time) {
        let pods = common.index.pods().filter(|(_, pod)| pod.task.is_some());
        let pods: Vec<(ObjectName, PodFacts)> =
            pods.map(|(name, pod)| (name.clone(), pod.clone())).collect();
        for (name, pod) in pods {
            let Some(facts) = &pod.task else { continue };
            let is_of = common.jobs.get(&facts.job).is_some_and(|job| job.has_uid(&facts.job_uid));
            let framework = super::framework_id(common, &facts.job).filter(|_| is_of);
            let Some(framework) = framework else { continue };
            if facts.is_acknowledged {
                self.retain(common, &name, pod.uid.clone());
                continue;
            }
            let Ok(info) = from_json::<TaskInfo>(facts.info.as_bytes()) else { continue };
            let task: TaskId = info.task_id.value.as_str().into();
            let key = TaskKey { framework, task };
            let node = pod.node.clone().unwrap_or_else(|| facts.node.clone());
            let is_restored = match &facts.checkpoint {
                _ if self.tasks.contains_key(&key) => false,
                Some(checkpoint) if is_executor(&key.task) => {
                    let place = (&*info.agent_id.value, &*node, &*facts.pool);
                    self.master.restore_executor(now, &key, checkpoint, place)
                }
                // What it runs is not known to this process.
                None if is_executor(&key.task) => false,
                _ => self.master.restore_task(&key, info, &node, &facts.pool),
            };
            if !is_restored {
                continue;
            }
            self.by_pod.insert(name.clone(), key.clone());
            common.index.set_own(&name, true);
            let task = TaskPod {
                name,
                node,
                pool: facts.pool.clone(),
                run: None,
                changes: 0,
                uid: Some(pod.uid.clone()),
                step: Step::Staging,
                is_restored: true,
                is_killed: pod.is_deleting,
                grace: None,
                trouble_since: None,
            };
            self.tasks.insert(key, task);
        }
    }
}
