//! What one principal may make others carry: in memory, and in what readers are told.

use std::ops::Deref;

use proffer_core::frameworks::TaskId;
use proffer_mesos::Message;
use proffer_mesos::types::{FrameworkInfo, TaskState, TaskStatusReason as Reason};

use super::frameworks::{Framework, Subscription};
use super::shared::Shared;
use super::tasks::TaskRecord;
use super::{Master, MasterSettings};

/// What one principal may have. Where nobody has to say who it is, all are one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Its frameworks, with those that are gone and remembered.
    pub(crate) frameworks: usize,
    /// The bytes of what these say of themselves.
    pub(crate) framework_bytes: usize,
    /// The bytes of what their tasks are, until these have ended.
    pub(crate) task_bytes: usize,
}

/// None, for tests of everything else.
#[cfg(test)]
impl Default for Limits {
    fn default() -> Self {
        Self { frameworks: usize::MAX, framework_bytes: usize::MAX, task_bytes: usize::MAX }
    }
}

/// How much somebody would have to carry for a message.
pub(super) fn bytes<M: Message>(message: &M) -> usize {
    message.encoded_len()
}

/// The tasks of a framework, and how much they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    all: Shared<TaskId, TaskRecord>,
    bytes: usize,
}

impl Deref for Tasks {
    type Target = Shared<TaskId, TaskRecord>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl Tasks {
    /// A task to be changed. What it is stays as it is.
    pub(super) fn get_mut(&mut self, task: &str) -> Option<&mut TaskRecord> {
        self.all.get_mut(task)
    }

    pub(super) fn insert(&mut self, task: TaskId, record: TaskRecord) {
        self.remove(&task);
        self.bytes += record.bytes;
        self.all.insert(task, record);
    }

    pub(super) fn remove(&mut self, task: &str) -> Option<TaskRecord> {
        let record = self.all.remove(task)?;
        self.bytes -= record.bytes;
        Some(record)
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<(TaskId, TaskRecord)> {
        self.bytes = 0;
        self.all.drain()
    }
}

impl MasterSettings {
    /// Whether two frameworks, of these principals, are of one for the limits.
    fn is_one(&self, principal: Option<&str>, other: Option<&str>) -> bool {
        // A name that nobody checks would be another one each time.
        !self.access.is_required() || principal == other
    }

    fn name(&self, principal: Option<&str>) -> String {
        match principal.filter(|_| self.access.is_required()) {
            Some(principal) => format!("Principal '{principal}'"),
            None => "Whoever needs no credentials".to_owned(),
        }
    }
}

impl Framework {
    /// Whether it has said as much of itself before.
    fn has_said(&self, info: &FrameworkInfo, settings: &Subscription) -> bool {
        // Constraints are not stored: who subscribed at another master brings them again.
        let is_restored = self.connection.is_none() && self.failover_at.is_none();
        let bytes = if is_restored { bytes(info) } else { settings.bytes(info) };
        bytes <= self.bytes
    }
}

impl Master {
    fn frameworks_of<'a>(
        &'a self,
        principal: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Framework> {
        let is_of =
            move |one: &&Framework| self.settings.is_one(principal, one.principal.as_deref());
        self.frameworks.values().filter(is_of)
    }

    /// Whether a principal may have a framework of this id that says this of itself. The error is a
    /// sentence.
    pub(super) fn check_framework(
        &self,
        principal: Option<&str>,
        id: &str,
        info: &FrameworkInfo,
        settings: &Subscription,
    ) -> Result<(), String> {
        let known = self.frameworks.get(id);
        // What is there is carried anyway, so only what grows has to have room.
        if known.is_some_and(|known| known.has_said(info, settings)) {
            return Ok(());
        }
        let limits = &self.settings.limits;
        let others = || self.frameworks_of(principal).filter(|other| *other.id != *id);
        let who = self.settings.name(principal);
        if known.is_none() && others().count() >= limits.frameworks {
            return Err(format!(
                "{who} may have {} frameworks (on a cluster mesos.limits.frameworks), and has them: \
                 tear down those that are not needed any more",
                limits.frameworks
            ));
        }
        let known: usize = others().map(|other| other.bytes).sum();
        let bytes = settings.bytes(info);
        if known.saturating_add(bytes) > limits.framework_bytes {
            return Err(format!(
                "What the frameworks of a principal say of themselves has at most {} bytes together \
                 (on a cluster mesos.limits.frameworkMebibytes). {who} has {known} already, and this one \
                 says {bytes}: give it fewer and shorter labels, or tear down others",
                limits.framework_bytes
            ));
        }
        Ok(())
    }

    /// Makes room among the frameworks that are gone for as many as a principal has.
    pub(super) fn forget_gone(&mut self, principal: Option<&str>) {
        let settings = &self.settings;
        let known = self.frameworks_of(principal).count();
        let is_of = |one: &Framework| settings.is_one(principal, one.principal.as_deref());
        let gone = self.completed.iter().filter(|gone| is_of(gone)).count();
        let mut excess = (known + gone).saturating_sub(settings.limits.frameworks);
        self.completed.retain(|gone| {
            let forgets = excess > 0 && is_of(gone);
            excess -= usize::from(forgets);
            !forgets
        });
    }

    /// How much more the tasks of a framework's principal may be.
    pub(super) fn task_bytes_left(&self, framework: &str) -> usize {
        let Some(framework) = self.frameworks.get(framework) else { return 0 };
        let own = self.frameworks_of(framework.principal.as_deref());
        let known: usize = own.map(|one| one.tasks.bytes).sum();
        self.settings.limits.task_bytes.saturating_sub(known)
    }

    /// What is said of a task that is more than that. It may be launched again, unless it is too much alone.
    pub(super) fn too_much(&self, framework: &str, bytes: usize) -> (TaskState, Reason, String) {
        let (state, reason) = if bytes > self.settings.limits.task_bytes {
            (TaskState::Error, Reason::TaskInvalid)
        } else {
            (TaskState::Dropped, Reason::InvalidOffers)
        };
        let principal = self.frameworks.get(framework).and_then(|one| one.principal.as_deref());
        let message = format!(
            "The tasks of a principal have at most {} bytes together until they have ended \
             (on a cluster mesos.limits.taskMebibytes). {} has no room for this one of {bytes} bytes: put \
             less into its data, labels and command, or launch it when others have ended",
            self.settings.limits.task_bytes,
            self.settings.name(principal),
        );
        (state, reason, message)
    }
}

#[cfg(test)]
mod tests;
