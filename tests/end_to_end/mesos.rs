//! Software written for Mesos, against `proffer local --mesos`.

mod access;
mod bad_input;
#[path = "../mesos/behaviours.rs"]
mod behaviours;
mod clients;
mod doors;
mod executors;
#[path = "../mesos/framework.rs"]
mod framework;
mod fuzz;
#[path = "../mesos/http.rs"]
pub(crate) mod http;
mod processes;
mod rights;
mod table;
mod tools;
mod traffic;

use std::net::TcpStream;

use proffer_test_harness::{Test, tests};

use crate::run::{Folder, Running};

pub(crate) fn tests() -> Vec<Test> {
    [
        tests![mesos_behaves_so],
        access::tests(),
        bad_input::tests(),
        clients::tests(),
        doors::tests(),
        executors::tests(),
        fuzz::tests(),
        processes::tests(),
        rights::tests(),
        table::tests(),
        tools::tests(),
        traffic::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A master that serves Mesos frameworks.
pub(crate) struct Master {
    pub(crate) running: Running,
    pub(crate) address: String,
    pub(crate) folder: Folder,
}

fn mesos_behaves_so() {
    behaviours::play(|_| true);
}

/// A connection to a master.
fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

impl Master {
    /// Waits until something is so.
    #[allow(clippy::unused_self)] // Whoever serves says how.
    pub(crate) fn until(&self, what: &str, is_so: impl FnMut() -> bool) {
        crate::run::until(what, is_so);
    }

    /// A master of these nodes, with these pools beside `default`.
    pub(crate) fn start(nodes: &str, pools: &[&str]) -> Self {
        Self::start_with(Folder::new(), nodes, pools, &[])
    }

    /// A master of a node whose frameworks have to say who they are, by a file of credentials.
    pub(crate) fn start_with_credentials(credentials: &str, pools: &[&str]) -> Self {
        let folder = Folder::new();
        folder.write("credentials.json", credentials);
        let more = ["--mesos-credentials", "credentials.json"];
        Self::start_with(folder, "2cpu,1Gi", pools, &more)
    }

    /// A master with more arguments.
    pub(crate) fn start_with(folder: Folder, nodes: &str, pools: &[&str], more: &[&str]) -> Self {
        let pools: Vec<String> = pools
            .iter()
            .map(|name| {
                format!(
                    "---\napiVersion: proffer.dev/v1alpha1\nkind: ResourcePool\n\
                     metadata: {{name: {name}}}\nspec: {{}}\n"
                )
            })
            .collect();
        folder.write("pools.yaml", pools.concat());
        folder.write("sandboxes/.keep", "");
        let mut arguments = vec!["local", "--mesos", "127.0.0.1:0", "--sandboxes", "sandboxes"];
        arguments.extend(["--nodes", nodes]);
        arguments.extend(more);
        if !pools.is_empty() {
            arguments.push("pools.yaml");
        }
        let mut running = folder.start(&arguments);
        let address = running.wait_for_value("Mesos frameworks are served at http://");
        Self { running, address, folder }
    }
}
