//! A report as text for people.

use std::fmt::Write;

use proffer_crds::Quantity;

use super::report::{JobsReport, OrderReport, Report};

/// The cells of a line of a table.
type Line = Vec<String>;

/// The whole report.
pub(super) fn render(report: &Report) -> String {
    let memory = Quantity::from_bytes(report.memory);
    let mut text = format!("{} and {memory} of memory\n\n", headline(report));
    text.push_str(&aligned(1, orders(report)));
    text.push_str("\nWaiting: from the submission to the first executor. ");
    text.push_str("Completion: from the submission to the end.\n");
    text.push_str(&aligned(2, pools(report)));
    for order in &report.orders {
        let (name, title) = (order.order.name(), order.order.title());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\nDominant shares over time by {name}, {title}:");
        text.push_str(&aligned(0, shares(order)));
    }
    text
}

/// What was simulated, up to the cpu of all nodes.
pub(super) fn headline(report: &Report) -> String {
    let counted =
        |count: u64, thing| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
    let [jobs, nodes] =
        [report.jobs, report.nodes].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
    format!(
        "{} with {} on {} with {} cpu",
        counted(jobs, "job"),
        counted(report.tasks, "task"),
        counted(nodes, "node"),
        report.cpu
    )
}

fn orders(report: &Report) -> Vec<Line> {
    let mut lines = vec![line(&["ORDER", "MAKESPAN", "CPU HELD", "MEMORY HELD"])];
    for order in &report.orders {
        lines.push(vec![
            order.order.name().to_owned(),
            order.makespan.to_string(),
            order.cpu_utilization.to_string(),
            order.memory_utilization.to_string(),
        ]);
    }
    lines
}

fn pools(report: &Report) -> Vec<Line> {
    let mut lines = vec![line(&[
        "ORDER",
        "POOL",
        "WEIGHT",
        "JOBS",
        "WAITING MEAN",
        "MEDIAN",
        "P95",
        "MAX",
        "COMPLETION MEAN",
        "DOMINANT SHARE",
    ])];
    for order in &report.orders {
        let mut add = |pool: &str, weight: String, jobs: &JobsReport, share: String| {
            lines.push(vec![
                order.order.name().to_owned(),
                pool.to_owned(),
                weight,
                jobs.count.to_string(),
                jobs.waiting.mean.to_string(),
                jobs.waiting.median.to_string(),
                jobs.waiting.p95.to_string(),
                jobs.waiting.max.to_string(),
                jobs.completion_mean.to_string(),
                share,
            ]);
        };
        for pool in &order.pools {
            let share = pool.dominant_share.to_string();
            add(&pool.pool, pool.weight.to_string(), &pool.jobs, share);
        }
        if order.pools.len() > 1 {
            add("(all)", String::new(), &order.jobs, String::new());
        }
    }
    lines
}

fn shares(order: &OrderReport) -> Vec<Line> {
    let mut header = line(&["FROM"]);
    header.extend(order.pools.iter().map(|pool| pool.pool.to_string()));
    header.extend(line(&["CPU HELD", "MEMORY HELD"]));
    let mut lines = vec![header];
    for interval in &order.intervals {
        let mut cells = vec![interval.from.to_string()];
        cells.extend(interval.dominant_shares.iter().map(ToString::to_string));
        cells.push(interval.cpu_utilization.to_string());
        cells.push(interval.memory_utilization.to_string());
        lines.push(cells);
    }
    lines
}

fn line(cells: &[&str]) -> Line {
    cells.iter().map(ToString::to_string).collect()
}

/// Lines with their columns below each other; the first `left` are texts, the others numbers.
fn aligned(left: usize, lines: Vec<Line>) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for line in &lines {
        for (index, cell) in line.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(index) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(index, (cell, &width))| {
            if index < left { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        let joined = cells.collect::<Vec<_>>().join("  ");
        text.push_str(joined.trim_end());
        text.push('\n');
    }
    text
}
