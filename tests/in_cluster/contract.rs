//! What the fake API server of the unit tests promises, on the real one.

use kube::Client;
use proffer_fake_api::contract::{CHECKS, DEFINITION};
use proffer_test_harness::{Fixture, Test, tests};

use crate::cluster::{Shared, enter, kubectl, output};
use crate::namespace::Namespace;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_real_api_server_keeps_the_contract,
        #[ignore = "run by the test before it, where the API server can be reached"]
        checks,
    ]
}

/// The namespace in which the checks work, for the process that does them.
const NAMESPACE: &str = "PROFFER_TEST_CONTRACT_NAMESPACE";

struct GivenNamespace(String);

impl Fixture for GivenNamespace {
    fn set_up() -> Result<Self, String> {
        let named = std::env::var(NAMESPACE);
        named.map(Self).map_err(|_| format!("{NAMESPACE} does not name the namespace to work in"))
    }
}

fn a_real_api_server_keeps_the_contract(Shared(turn): Shared) {
    let namespace = Namespace::new(turn, "contract");
    output(&["kubectl", "apply", "-f", "-"], DEFINITION);
    let definition = "crd/things.test.proffer.dev";
    namespace.delete_too(definition);
    kubectl(&["wait", definition, "--for=condition=Established", "--timeout=60s"]);
    // This very program again, in there: only commands that are entered reach the cluster.
    let program = std::env::current_exe().unwrap();
    let mut command =
        enter(&[program.to_str().unwrap(), "--exact", "contract::checks", "--ignored"]);
    let output = command.arg("--nocapture").env(NAMESPACE, &namespace.name).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
}

fn checks(GivenNamespace(namespace): GivenNamespace) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::try_default().await.unwrap();
        for (name, check) in CHECKS {
            eprintln!("{name}");
            check(client.clone(), namespace.clone()).await;
        }
    });
}
