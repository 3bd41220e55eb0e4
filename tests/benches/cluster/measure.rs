//! What processes take, read from /proc.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};

/// The data of the test cluster's etcd.
const ETCD: &str = "/var/lib/proffer-test-cluster/etcd/member";

/// The process of the operator that decides.
pub(crate) struct Operator {
    process: PathBuf,
}

impl Operator {
    pub(crate) async fn find(client: &Client) -> Self {
        let leases: Api<Lease> = Api::namespaced(client.clone(), "proffer-system");
        let lease =
            leases.get("proffer").await.expect("an operator that leads: tests/cluster/install");
        let holder = lease.spec.unwrap().holder_identity.unwrap();
        let pod = holder.split('_').next().unwrap().to_owned();
        let runs = |process: &PathBuf| {
            let read = |file: &str| std::fs::read(process.join(file)).unwrap_or_default();
            let environment = String::from_utf8_lossy(&read("environ")).into_owned();
            let line = String::from_utf8_lossy(&read("cmdline")).into_owned();
            let program = line.split('\0').next().unwrap_or_default();
            program.ends_with("proffer")
                && environment.split('\0').any(|it| it == format!("POD_NAME={pod}"))
        };
        let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        let process = all.into_iter().find(runs).expect("its process runs on this machine");
        Self { process }
    }

    /// How long it has used a processor.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(self.process.join("stat")).expect("it still leads");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // Fields 14 and 15, in hundredths of a second.
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Bytes that are resident now, and the most that were.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(self.process.join("status")).expect("it still leads");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

/// How large etcd's files are, where they are this machine's.
pub(crate) fn etcd_bytes() -> Option<u64> {
    let folder = |name: &str| {
        let entries = std::fs::read_dir(Path::new(ETCD).join(name)).ok()?;
        Some(entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum::<u64>())
    };
    folder("snap")
}

/// The value below which that part of sorted values lies.
pub(crate) fn quantile(times: &[Duration], part: f64) -> Duration {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = ((times.len() as f64 * part).ceil() as usize).clamp(1, times.len()) - 1;
    times[index]
}
