//! What a reader may see.

use std::sync::Arc;

use crate::master::access::{Kind, Owner, Rights};
use crate::master::frameworks::{Framework, role_of};
use crate::master::limits::Tasks;
use crate::master::shared::Shared;

/// What a reader may see. [`super::Reading`] leaves out the rest, so that nothing that is told of frameworks,
/// tasks, executors and roles knows of it.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    /// Everything.
    All,
    /// What somebody has a right to.
    Of(Arc<Rights>),
}

impl Sight {
    /// What these rights show.
    pub(crate) fn of(rights: Arc<Rights>) -> Self {
        if *rights == Rights::Everything { Self::All } else { Self::Of(rights) }
    }

    /// A framework as it is seen, if it is.
    pub(super) fn seen(&self, framework: &Arc<Framework>) -> Option<Arc<Framework>> {
        let sees = |kind| self.sees(kind, framework);
        if !sees(Kind::ViewFrameworks) {
            return None;
        }
        let (tasks, executors) = (sees(Kind::ViewTasks), sees(Kind::ViewExecutors));
        if tasks && executors {
            return Some(Arc::clone(framework));
        }
        let mut part = Framework::clone(framework);
        if !tasks {
            part.tasks = Tasks::default();
            part.completed_tasks.clear();
        }
        if !executors {
            part.executors = Shared::default();
            part.hides_executors = true;
        }
        Some(Arc::new(part))
    }

    /// Whether a pool is seen.
    pub(super) fn shows_pool(&self, pool: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(rights) => rights.sees_role(&role_of(pool)),
        }
    }

    /// Whether something of a framework is seen.
    pub(super) fn sees(&self, kind: Kind, framework: &Framework) -> bool {
        let Self::Of(rights) = self else { return true };
        let roles: Vec<&str> = framework.settings.roles.values().map(String::as_str).collect();
        rights.sees(kind, Owner { principal: framework.principal.as_deref(), roles: &roles })
    }
}

#[cfg(test)]
mod tests;
