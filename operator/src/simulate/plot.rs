//! A report as a picture: who held how much of the cluster, and when, in SVG.
//!
//! Each order has a row with a panel for cpu and one for memory. All panels have the same axes, so
//! that the orders compare at a glance.

mod scale;

use std::fmt::Write;

use scale::{Ticks, time_label};

use super::report::{OrderReport, PLOTTED, Report};
use super::table::headline;
use super::units::Fraction;

/// Colours that people with any kind of colour vision tell apart, on white and on black (Okabe and
/// Ito 2008, without black, its yellow last for it is faint on white).
const COLOURS: [&str; 7] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];

// All lengths are in pixels of the picture's own.
const PANEL_WIDTH: u32 = PLOTTED;
const PANEL_HEIGHT: u32 = 150;
const LEFT_MARGIN: u32 = 56;
const GAP: u32 = 56;
const RIGHT_MARGIN: u32 = 24;
const LEGEND_TOP: u32 = 56;
const LEGEND_LINE_HEIGHT: u32 = 20;
const TITLE_HEIGHT: u32 = 56;
const AXIS_HEIGHT: u32 = 48;
const ROW_HEIGHT: u32 = TITLE_HEIGHT + PANEL_HEIGHT + AXIS_HEIGHT;
const WIDTH: u32 = LEFT_MARGIN + PANEL_WIDTH + GAP + PANEL_WIDTH + RIGHT_MARGIN;

const STYLE: &str = "\
    svg { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #d1d9e0; }
    @media (prefers-color-scheme: dark) {
      svg { --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #3d444d; }
    }
    text { font: 12px system-ui, sans-serif; fill: #1f2328; fill: var(--ink); }
    .title { font-size: 14px; font-weight: 600; }
    .faint { fill: #59636e; fill: var(--faint); }
    .paper { fill: #ffffff; fill: var(--paper); }
    .grid { stroke: #d1d9e0; stroke: var(--grid); fill: none; }
    .axis { stroke: #59636e; stroke: var(--faint); fill: none; }
";

/// The picture.
pub(super) fn svg(report: &Report) -> String {
    let rows = u32::try_from(report.orders.len()).unwrap_or(u32::MAX);
    let legend_bottom = places(&labels(report)).last().map_or(LEGEND_TOP, |&(_, y)| y) + 16;
    let height = legend_bottom.saturating_add(ROW_HEIGHT.saturating_mul(rows));
    let longest = report.orders.iter().map(|order| order.makespan.span().as_milliseconds()).max();
    let ticks = Ticks::over(longest.unwrap_or(0));
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n  \
         <title>Shares of pools over time</title>\n  <style>\n{STYLE}  </style>\n  \
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    legend(&mut picture, report);
    for (row, order) in (0..).zip(&report.orders) {
        let top = legend_bottom + row * ROW_HEIGHT;
        draw_order(&mut picture, order, top, &ticks);
    }
    picture.push_str("</svg>\n");
    picture
}

/// Adds an element, a line of its own. Writing to a string cannot fail.
macro_rules! draw {
    ($picture:expr, $($argument:tt)*) => {
        let _ = writeln!($picture, $($argument)*);
    };
}

/// Which colour is whose, and what all of this is about.
fn legend(picture: &mut String, report: &Report) {
    text(picture, (LEFT_MARGIN, 28), "title", "start", "Shares of pools over time");
    text(picture, (WIDTH - RIGHT_MARGIN, 28), "faint", "end", &headline(report));
    let labels = labels(report);
    for (index, (label, (x, y))) in labels.iter().zip(places(&labels)).enumerate() {
        let colour = colour(index);
        let top = y - 11;
        draw!(
            picture,
            "  <rect x=\"{x}\" y=\"{top}\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{colour}\"/>"
        );
        text(picture, (x + 18, y), "", "start", label);
    }
}

/// What the legend says of each pool.
fn labels(report: &Report) -> Vec<String> {
    let pools = report.orders.first().map_or(&[][..], |order| &order.pools);
    pools.iter().map(|pool| format!("{}, weight {}", pool.pool, pool.weight)).collect()
}

/// Where each label of the legend starts, in as many lines as it takes.
fn places(labels: &[String]) -> Vec<(u32, u32)> {
    let (mut x, mut y) = (LEFT_MARGIN, LEGEND_TOP);
    let place = |label: &String| {
        // About as wide as the text will be: its font is not known here.
        let width = 18 + 7 * u32::try_from(label.chars().count()).unwrap_or(0) + 18;
        if x > LEFT_MARGIN && x + width > WIDTH {
            (x, y) = (LEFT_MARGIN, y + LEGEND_LINE_HEIGHT);
        }
        let place = (x, y);
        x += width;
        place
    };
    labels.iter().map(place).collect()
}

fn draw_order(picture: &mut String, order: &OrderReport, top: u32, ticks: &Ticks) {
    let title = format!("{}: {}", order.order.name(), order.order.title());
    text(picture, (LEFT_MARGIN, top + 22), "title", "start", &title);
    let facts =
        format!("makespan {}, waiting on average {}", order.makespan, order.jobs.waiting.mean);
    text(picture, (WIDTH - RIGHT_MARGIN, top + 22), "faint", "end", &facts);
    let cpu: Vec<&[Fraction]> = order.curves.iter().map(|curve| &*curve.cpu).collect();
    let memory: Vec<&[Fraction]> = order.curves.iter().map(|curve| &*curve.memory).collect();
    let makespan = order.makespan.span().as_milliseconds();
    let y = top + TITLE_HEIGHT;
    let cpu_label = format!("cpu, {} held on average", order.cpu_utilization);
    panel(picture, (LEFT_MARGIN, y), &cpu_label, &cpu, makespan, ticks);
    let memory_label = format!("memory, {} held on average", order.memory_utilization);
    let x = LEFT_MARGIN + PANEL_WIDTH + GAP;
    panel(picture, (x, y), &memory_label, &memory, makespan, ticks);
}

/// A panel whose upper left corner is at `(x, y)`: one area for each curve, on top of each other.
fn panel(
    picture: &mut String,
    (x, y): (u32, u32),
    label: &str,
    curves: &[&[Fraction]],
    makespan: u64,
    ticks: &Ticks,
) {
    text(picture, (x, y - 10), "faint", "start", label);
    let bottom = y + PANEL_HEIGHT;
    let mut floor = vec![Fraction::default(); PLOTTED as usize];
    for (index, curve) in curves.iter().enumerate() {
        let ceiling: Vec<Fraction> =
            floor.iter().zip(*curve).map(|(low, high)| [low, high].into_iter().sum()).collect();
        if curve.iter().any(|share| *share != Fraction::default()) {
            let width = ticks.position(makespan, PANEL_WIDTH);
            let path = area((x, y), width, &floor, &ceiling);
            draw!(picture, "  <path fill=\"{}\" d=\"{path}\"/>", colour(index));
        }
        floor = ceiling;
    }
    for percent in [0, 25, 50, 75, 100] {
        let height = bottom - PANEL_HEIGHT * percent / 100;
        let class = if percent == 0 { "axis" } else { "grid" };
        let end = x + PANEL_WIDTH;
        draw!(picture, "  <path class=\"{class}\" d=\"M{x} {height}H{end}\" opacity=\"0.7\"/>");
        if percent % 50 == 0 {
            text(picture, (x - 8, height + 4), "faint", "end", &format!("{percent}%"));
        }
    }
    let time = "time since the first submission";
    text(picture, (x + PANEL_WIDTH / 2, bottom + 38), "faint", "middle", time);
    for at in ticks.marks() {
        let place = x + ticks.position(at, PANEL_WIDTH) / 10;
        draw!(picture, "  <path class=\"axis\" d=\"M{place} {bottom}v5\"/>");
        text(picture, (place, bottom + 20), "faint", "middle", &time_label(at));
    }
}

/// The path around what lies between two curves, drawn in steps; `width` is in tenths of pixels.
fn area((x, y): (u32, u32), width: u32, floor: &[Fraction], ceiling: &[Fraction]) -> String {
    let count = u32::try_from(ceiling.len()).unwrap_or(u32::MAX).max(1);
    let across = |step: u32| tenths(x * 10 + width * step / count);
    let level = |share: Fraction| {
        let ten_thousandths = u32::try_from(share.billionths() / 100_000).unwrap_or(u32::MAX);
        let height = ten_thousandths.min(10_000) * PANEL_HEIGHT / 1000;
        tenths((y + PANEL_HEIGHT) * 10 - height)
    };
    let end = |curve: &[Fraction]| level(curve.last().copied().unwrap_or_default());
    let mut path = format!("M{} {}", across(0), level(floor.first().copied().unwrap_or_default()));
    // Writing to a string cannot fail, here and below.
    let _ = write!(path, "V{}", level(ceiling.first().copied().unwrap_or_default()));
    for (step, pair) in (1..).zip(ceiling.windows(2)).filter(|(_, pair)| pair[0] != pair[1]) {
        let _ = write!(path, "H{}V{}", across(step), level(pair[1]));
    }
    let _ = write!(path, "H{}V{}", across(count), end(floor));
    let steps = (1..).zip(floor.windows(2)).filter(|(_, pair)| pair[0] != pair[1]);
    for (step, pair) in steps.collect::<Vec<_>>().into_iter().rev() {
        let _ = write!(path, "H{}V{}", across(step), level(pair[0]));
    }
    path + "Z"
}

/// A text whose baseline starts, ends or has its middle at a place.
fn text(picture: &mut String, (x, y): (u32, u32), class: &str, anchor: &str, text: &str) {
    let text = escaped(text);
    draw!(
        picture,
        "  <text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// Tenths of pixels as SVG has them.
fn tenths(tenths: u32) -> String {
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        rest => format!("{}.{rest}", tenths / 10),
    }
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
