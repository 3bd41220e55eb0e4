//! What tasks may do that reaches beyond their pods.

use crate::configuration::Privileges;

/// What the tasks of a framework may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights<'a> {
    privileges: &'a Privileges,
    /// Who has proved to be whom.
    principal: Option<&'a str>,
}

impl<'a> Rights<'a> {
    /// What the tasks of a principal may do; of nobody in particular if none was proved.
    pub(crate) fn new(privileges: &'a Privileges, principal: Option<&'a str>) -> Self {
        Self { privileges, principal }
    }

    /// Whether they may run as root.
    pub(super) fn has_root(self) -> bool {
        self.is_among(&self.privileges.root)
    }

    /// That a task runs as root, or why it may not.
    pub(super) fn root(self) -> Result<(), String> {
        self.check(self.has_root(), "runs as root", "root")
    }

    /// That a task uses the network of its node, or why it may not.
    pub(super) fn host_network(self) -> Result<(), String> {
        let may = self.is_among(&self.privileges.host_network);
        self.check(may, "uses the network of its node", "hostNetwork")
    }

    /// That a task takes ports of its node, or why it may not.
    pub(super) fn host_ports(self) -> Result<(), String> {
        let may = self.is_among(&self.privileges.host_ports);
        let refused = self.check(may, "takes ports of its node", "hostPorts");
        refused.map_err(|why| {
            format!("{why}; with mesos.hostPorts set to false they are ports of its own pod")
        })
    }

    fn is_among(self, names: &[String]) -> bool {
        names.iter().any(|name| name == "*" || Some(name.as_str()) == self.principal)
    }

    fn check(self, may: bool, what: &str, setting: &str) -> Result<(), String> {
        if may {
            return Ok(());
        }
        let (who, name) = match self.principal {
            Some(principal) => (format!("those of principal '{principal}'"), principal),
            None => ("those of frameworks without credentials".to_owned(), "*"),
        };
        Err(format!(
            "the task {what}, which {who} may not: leave that out, or have mesos.privileges.{setting} in \
             the operator's configuration name '{name}'"
        ))
    }
}
