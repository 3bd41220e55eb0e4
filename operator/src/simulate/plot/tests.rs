use super::scale::{Ticks, time_label};
use super::{area, escaped, places};
use crate::simulate::tests::example;
use crate::simulate::units::Fraction;

const HOUR: u64 = 3_600_000;

/// Checks that elements nest and attributes are quoted; returns the names of all elements.
fn elements(xml: &str) -> Vec<String> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for piece in xml.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("unclosed: {piece}"));
        for entity in text.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|name| entity.starts_with(name)));
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (tag, alone) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut parts = attributes.split('"');
        while let (Some(key), Some(_)) = (parts.next(), parts.next()) {
            assert!(key.trim_start().ends_with('='), "{tag}");
        }
        all.push(name.to_owned());
        if !alone {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

#[test]
fn a_plot_is_well_formed_with_a_panel_for_cpu_and_memory_of_each_order() {
    let report = example();
    let picture = super::svg(&report);
    assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    let elements = elements(&picture);
    let areas = picture.matches("<path fill=\"#").count();
    assert_eq!(areas, report.orders.len() * 2 * report.orders[0].pools.len());
    assert_eq!(elements.iter().filter(|name| *name == "svg").count(), 1);
    for pool in ["analytics, weight 3", "data.etl, weight 2", "data.research, weight 1"] {
        assert!(picture.contains(&format!(">{pool}</text>")), "{pool}");
    }
    for order in &report.orders {
        assert!(picture.contains(&format!(">{}: ", order.order.name())));
    }
    assert_eq!(picture, super::svg(&example()));
}

#[test]
fn a_legend_goes_on_in_the_next_line() {
    let labels = vec!["x".repeat(40); 7];
    let lines: Vec<u32> = places(&labels).into_iter().map(|(_, y)| y).collect();
    assert_eq!(lines, [56, 56, 76, 76, 96, 96, 116]);
}

#[test]
fn an_area_is_drawn_in_steps_and_closed_along_its_floor() {
    let share = |percent| Fraction::new(percent, 100);
    let floor = [share(0), share(0), share(50)];
    let ceiling = [share(50), share(100), share(100)];
    // 150 pixels high, 30 wide.
    assert_eq!(area((10, 100), 300, &floor, &ceiling), "M10 250V175H20V100H40V175H30V250Z");
}

#[test]
fn marks_stand_at_round_times() {
    let labels = |end| Ticks::over(end).marks().map(time_label).collect::<Vec<_>>();
    assert_eq!(labels(HOUR), ["0", "10m", "20m", "30m", "40m", "50m", "1h"]);
    assert_eq!(labels(4 * HOUR), ["0", "30m", "1h", "1h30m", "2h", "2h30m", "3h", "3h30m", "4h"]);
    assert_eq!(labels(2500), ["0", "1s", "2s"]);
    assert_eq!(labels(0), ["0"]);
    assert_eq!(labels(50 * HOUR), ["0", "6h", "12h", "18h", "1d", "1d6h", "1d12h", "1d18h", "2d"]);
    let ticks = Ticks::over(HOUR);
    assert_eq!([0, HOUR / 2, HOUR].map(|at| ticks.position(at, 384)), [0, 1920, 3840]);
}

#[test]
fn text_is_escaped() {
    assert_eq!(escaped("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
}
