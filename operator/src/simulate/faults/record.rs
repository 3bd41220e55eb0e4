//! Runs as files: a line that says what they are, then a line for each step, in JSON.

use std::path::Path;

use anyhow::{Context, bail};
use proffer_core::Fairness;
use serde::{Deserialize, Serialize};

use super::play::Script;
use super::world::Step;

/// The version of the format; steps may mean something else in another one.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    proffer_simulation: u32,
    seed: u64,
    fairness: String,
}

pub(super) fn write(file: &Path, script: &Script) -> anyhow::Result<()> {
    let fairness = if script.fairness == Fairness::Drf { "drf" } else { "hdrf" }.to_owned();
    let header = Header { proffer_simulation: VERSION, seed: script.seed, fairness };
    let mut text = serde_json::to_string(&header).context("cannot write a run as JSON")?;
    for step in &script.steps {
        text.push('\n');
        text += &serde_json::to_string(step).context("cannot write a step as JSON")?;
    }
    text.push('\n');
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

pub(super) fn read(file: &Path) -> anyhow::Result<Script> {
    let name = file.display();
    let mut lines = crate::record::lines(file)?;
    let first = lines.next().transpose()?.map_or_else(String::new, |(_, line)| line);
    let header: Header = serde_json::from_str(&first)
        .with_context(|| format!("{name}:1: this is not a recorded run of proffer simulate"))?;
    if header.proffer_simulation != VERSION {
        let version = header.proffer_simulation;
        bail!("{name}:1: the run is of version {version}, this program reads version {VERSION}");
    }
    let fairness = match header.fairness.as_str() {
        "hdrf" => Fairness::Hdrf,
        "drf" => Fairness::Drf,
        other => bail!("{name}:1: fairness is \"{other}\"; there are hdrf and drf"),
    };
    let mut steps: Vec<Step> = Vec::new();
    for line in lines {
        let (number, line) = line?;
        if !line.trim().is_empty() {
            let step = serde_json::from_str(&line)
                .with_context(|| format!("{name}:{number}: this is not a step"))?;
            steps.push(step);
        }
    }
    Ok(Script { seed: header.seed, fairness, steps })
}
