//! What somebody sees: their own, and what they have a right to beside that.

use std::collections::BTreeSet;

use serde::Deserialize;

/// What there is to see, by the names of Mesos's ACLs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Frameworks, with their offers.
    ViewFrameworks,
    /// Their tasks.
    ViewTasks,
    /// Their executors and containers.
    ViewExecutors,
    /// Roles, with their weights and quotas.
    ViewRoles,
    /// The files of tasks.
    AccessSandboxes,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [
        Self::ViewFrameworks,
        Self::ViewTasks,
        Self::ViewExecutors,
        Self::ViewRoles,
        Self::AccessSandboxes,
    ];
}

/// What somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Everything, as in Mesos without ACLs.
    Everything,
    /// Their own, and all that is of some kinds.
    Own {
        /// Whose frameworks they see.
        principal: String,
        /// The roles that they see, with those below, and the frameworks that are in no other.
        roles: Vec<String>,
        /// What they see of everybody.
        beside: BTreeSet<Kind>,
    },
}

/// Whose something is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    /// The principal of the framework.
    pub(crate) principal: Option<&'a str>,
    /// The roles that it is in.
    pub(crate) roles: &'a [&'a str],
}

impl Rights {
    /// Those of a principal. One that may use all roles sees everything.
    pub(super) fn of(principal: &str, roles: Option<&[String]>, beside: BTreeSet<Kind>) -> Self {
        match roles {
            None => Self::Everything,
            Some(roles) => {
                Self::Own { principal: principal.to_owned(), roles: roles.to_vec(), beside }
            }
        }
    }

    /// Those of somebody who is not known any more.
    pub(super) fn nothing() -> Self {
        Self::Own { principal: String::new(), roles: Vec::new(), beside: BTreeSet::new() }
    }

    /// Whether everything of a kind is seen.
    pub(crate) fn all(&self, kind: Kind) -> bool {
        match self {
            Self::Everything => true,
            Self::Own { beside, .. } => beside.contains(&kind),
        }
    }

    /// Whether somebody's things of a kind are seen.
    pub(crate) fn sees(&self, kind: Kind, owner: Owner<'_>) -> bool {
        let Self::Own { principal, .. } = self else { return true };
        let in_own_roles =
            || !owner.roles.is_empty() && owner.roles.iter().all(|role| self.has_role(role));
        self.all(kind) || owner.principal == Some(principal) || in_own_roles()
    }

    /// Whether a role is seen.
    pub(crate) fn sees_role(&self, role: &str) -> bool {
        self.all(Kind::ViewRoles) || self.has_role(role)
    }

    fn has_role(&self, role: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Own { roles, .. } => is_in(role, roles),
        }
    }
}

/// Whether a role is one of these, or below one of them.
pub(super) fn is_in(role: &str, roles: &[String]) -> bool {
    roles.iter().any(|own| {
        own == role || role.strip_prefix(own.as_str()).is_some_and(|rest| rest.starts_with('/'))
    })
}
