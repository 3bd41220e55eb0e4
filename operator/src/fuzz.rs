//! Whatever files and arguments say, they are read or refused.

use std::str;

use proffer_fuzz::Target;

use crate::local::{MaintenanceSpec, NodeSpec, nodes};
use crate::{convert, manifests};

/// Runs a target of texts: what is no text is refused before anything reads it.
pub(crate) fn run(target: &Target, check: impl Fn(&str)) {
    target.run(|bytes| {
        if let Ok(text) = str::from_utf8(bytes) {
            check(text);
        }
    });
}

#[test]
fn manifest_files() {
    let target =
        Target::named("manifests").with("manifests", ".yaml").with("manifests/spark", ".yaml");
    run(&target, |text| {
        let read = manifests::parse(&[("x.yaml".to_owned(), text.to_owned())]);
        let manifests = match read {
            Ok(manifests) => manifests,
            Err(errors) => {
                let unreadable = |message: &str| message.contains("cannot be evaluated");
                assert!(!errors.errors.iter().any(|it| unreadable(&it.message)), "{errors}");
                return;
            }
        };
        for job in &manifests.jobs {
            drop(convert::job_spec(&job.object));
        }
        for pool in &manifests.pools {
            drop(convert::pool_problems(&pool.object));
            drop(convert::pool_observation(&pool.object));
        }
    });
}

#[test]
fn node_arguments() {
    run(&Target::named("nodes"), |text| {
        drop(text.parse::<MaintenanceSpec>());
        let Ok(spec) = text.parse::<NodeSpec>() else { return };
        let nodes = nodes(&[spec]).unwrap();
        for kind in 0..nodes[0].allocatable.len() {
            let all: i128 = nodes.iter().map(|node| i128::from(node.allocatable[kind].1)).sum();
            assert!(all <= i128::from(i64::MAX), "{text}");
        }
    });
}
