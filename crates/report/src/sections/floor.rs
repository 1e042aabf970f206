//! How much of a latency is the machine's and the instrument's own.

use schema::trial::{Instrument, Quantiles};

use super::Chapter;
use super::markdown::{inline, table};
use crate::numbers::{self, optional, significant, time};
use crate::statistics::{Figures, Quantile, Row};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let Some(floor) = &chapter.study.run.manifest.floor else {
        return "*The bare socket ping was not measured in this run.*\n".to_owned();
    };
    let ping = format!(
        "A bare socket ping between two processes on the same cores, {} a second, {} pings: one way (half of the round \
         trip) p50 **{}**, p99 {}; round trip p50 {}, p99 {}.\n",
        significant(floor.rate_per_s),
        numbers::whole(floor.one_way.count),
        time(floor.one_way.p50_ns as f64),
        time(floor.one_way.p99_ns as f64),
        time(floor.round_trip.p50_ns as f64),
        time(floor.round_trip.p99_ns as f64),
    );
    let rows = floor_rows(chapter);
    if rows.is_empty() {
        return format!("{ping}\n*The floor technique was not measured in this run.*\n");
    }
    format!("{ping}\n{}\n{}", verdict(&floor.one_way, &rows[0]), comparison(chapter, &floor.one_way, &rows))
}

/// A scenario's name and the floor technique's row at its lightest point.
type Light<'a> = (&'a str, &'a Row<'a>, &'a Figures);

/// For each scenario the lightest point, the lightest scenario first.
fn floor_rows<'a>(chapter: &'a Chapter<'_>) -> Vec<Light<'a>> {
    let mut lightest: Vec<Light<'a>> = Vec::new();
    for answer in &chapter.study.scenarios {
        let rows = answer.rows.iter().filter(|row| chapter.study.technique(row.technique).floor);
        let measured = rows.filter_map(|row| Some((answer.info.name.as_str(), row, row.figures.as_ref()?)));
        lightest.extend(measured.min_by(|a, b| weight(a).total_cmp(&weight(b))));
    }
    lightest.sort_by(|a, b| weight(a).total_cmp(&weight(b)));
    lightest
}

/// Deliveries that wait for each other: all subscribers' share of one event, and then events' of each other.
fn weight((_, row, figures): &Light<'_>) -> f64 {
    fan_out(row) * 1e9 + figures.offered_per_s
}

fn fan_out(row: &Row<'_>) -> f64 {
    let subscribers = &row.settings.subscribers;
    f64::from(subscribers.count) / f64::from(subscribers.channels.max(1))
}

fn verdict(one_way: &Quantiles, (name, row, figures): &Light<'_>) -> String {
    let Some(p50) = figures.delivery_at(Quantile::P50).estimate() else { return String::new() };
    let ratio = p50.value / one_way.p50_ns.max(1) as f64;
    format!(
        "At the lightest load of this run (*{}*, {} to each event), the floor technique's p50 delivery latency is {}, \
         **{} ×** the ping's: {} the 2 × that the instrument allows itself.\n",
        inline(name),
        subscribers(fan_out(row)),
        time(p50.value),
        significant(ratio),
        if ratio <= 2.0 { "within" } else { "beyond" },
    )
}

fn subscribers(count: f64) -> String {
    format!("{} subscriber{}", numbers::plain(count), if count == 1.0 { "" } else { "s" })
}

fn comparison(chapter: &Chapter<'_>, one_way: &Quantiles, rows: &[Light<'_>]) -> String {
    let head = [
        "scenario (lightest point)",
        "subscribers per event",
        "deliveries/s",
        "floor p50",
        "× ping",
        "schedule lag p50 / p99",
        "hiccup p99 / max, server's core",
        "hiccup p99 / max, load generator's",
    ];
    let head: Vec<String> = head.map(str::to_owned).into();
    let lines = rows.iter().map(|(name, row, figures)| {
        let p50 = figures.delivery_at(Quantile::P50);
        let ratio = p50.estimate().map(|p50| p50.value / one_way.p50_ns.max(1) as f64);
        vec![
            inline(name),
            numbers::plain(fan_out(row)),
            significant(figures.offered_per_s),
            numbers::shown(p50),
            optional(ratio, significant),
            worst(row, |instrument| &instrument.schedule_lag, |lag| (lag.p50_ns, lag.p99_ns)),
            worst(row, |instrument| &instrument.hiccup_server, |hiccup| (hiccup.p99_ns, hiccup.max_ns)),
            worst(row, |instrument| &instrument.hiccup_load, |hiccup| (hiccup.p99_ns, hiccup.max_ns)),
        ]
    });
    let floor = chapter.study.run.manifest.techniques.iter().find(|technique| technique.floor);
    let floor = floor.map_or_else(String::new, |technique| inline(&technique.label));
    format!(
        "{floor}, scenario by scenario; lag and hiccups are the worst of all its trials:\n\n{}",
        table(1, &head, lines)
    )
}

/// The worst of the trials: quantiles of different trials are not averaged.
fn worst(
    row: &Row<'_>,
    part: impl Fn(&Instrument) -> &Option<Quantiles>,
    pair: impl Fn(&Quantiles) -> (u64, u64),
) -> String {
    let outcomes = row.trials.iter().filter_map(|trial| trial.record.result.outcome());
    let pairs = outcomes.filter_map(|outcome| part(&outcome.instrument).as_ref().map(&pair));
    let worst = pairs.reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)));
    optional(worst, |(low, high)| format!("{} / {}", time(low as f64), time(high as f64)))
}
