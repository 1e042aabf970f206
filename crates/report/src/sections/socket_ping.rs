//! How much of a latency is the machine's and the instrument's own.

use model::manifest::SocketPing;
use model::trial::{Instrument, Quantiles};

use super::Chapter;
use super::markdown::{inline, table};
use crate::numbers::{self, optional, significant, time};
use crate::statistics::{Figures, Quantile, Row};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let Some(floor) = &chapter.analysis.run.manifest.socket_ping else {
        return "*The bare socket ping was not measured in this run.*\n".to_owned();
    };
    let ping = format!(
        "A bare socket ping between two processes on the same cores, {} a second, {} pings: one way (half of the round \
         trip) p50 **{}**, p99 {}; round trip p50 {}, p99 {}.\n",
        significant(floor.rate_per_s),
        numbers::whole(floor.one_way.count),
        optional(p50(&floor.one_way), time),
        optional(p99(&floor.one_way), time),
        optional(p50(&floor.round_trip), time),
        optional(p99(&floor.round_trip), time),
    );
    let rows = floor_rows(chapter);
    if rows.is_empty() {
        return format!("{ping}\n*The floor technique was not measured in this run.*\n");
    }
    format!("{ping}\n{}\n{}", verdict(floor, &rows[0]), comparison(chapter, &floor.one_way, &rows))
}

fn p50(quantiles: &Quantiles) -> Option<f64> {
    bounded(Quantile::P50, quantiles, quantiles.p50_ns)
}

fn p99(quantiles: &Quantiles) -> Option<f64> {
    bounded(Quantile::P99, quantiles, quantiles.p99_ns)
}

/// The same rule for the instrument's own samples as for deliveries: none where the sample cannot bound it.
fn bounded(quantile: Quantile, of: &Quantiles, ns: u64) -> Option<f64> {
    quantile.is_bounded_by(of.count).then_some(ns as f64)
}

/// A scenario's name and the floor technique's row at its lightest point.
type Light<'a> = (&'a str, &'a Row<'a>, &'a Figures);

/// For each scenario the lightest point, the lightest scenario first.
fn floor_rows<'a>(chapter: &'a Chapter<'_>) -> Vec<Light<'a>> {
    let mut lightest: Vec<Light<'a>> = Vec::new();
    for answer in &chapter.analysis.scenarios {
        let rows = answer.rows.iter().filter(|row| chapter.analysis.technique(row.technique).baseline);
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

fn verdict(floor: &SocketPing, (name, row, figures): &Light<'_>) -> String {
    let own = figures.delivery_at(Quantile::P50).estimate();
    let Some(((own, one_way), round_trip)) = own.zip(p50(&floor.one_way)).zip(p50(&floor.round_trip)) else {
        return String::new();
    };
    let ratio = own.value / one_way.max(1.0);
    format!(
        "At the lightest load of this run (*{}*, {} to each event), the floor technique's p50 delivery latency is {}, \
         **{} ×** the ping's one way: {} the 2 × that the instrument allows itself. An event makes two transits, from the \
         publisher to the server by the feed and from the server to the subscriber, so a bare ping's whole round trip is the \
         least that could be expected; delivery is **{} ×** that. The rest is pushbench's own: two event loops, the hub \
         and the stopwatch, run on cores that were idle before.\n",
        inline(name),
        subscribers(fan_out(row)),
        time(own.value),
        significant(ratio),
        if ratio <= 2.0 { "within" } else { "beyond" },
        significant(own.value / round_trip.max(1.0)),
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
        "scheduling delay p99 / max, server's core",
        "scheduling delay p99 / max, load generator's",
    ];
    let head: Vec<String> = head.map(str::to_owned).into();
    let lines = rows.iter().map(|(name, row, figures)| {
        let own = figures.delivery_at(Quantile::P50);
        let ratio = own.estimate().zip(p50(one_way)).map(|(own, ping)| own.value / ping.max(1.0));
        vec![
            inline(name),
            numbers::plain(fan_out(row)),
            significant(figures.offered_per_s),
            numbers::shown(own),
            optional(ratio, significant),
            worst(row, |instrument| &instrument.schedule_lag, [p50, p99]),
            worst(row, |instrument| &instrument.scheduling_delay_server, [p99, longest]),
            worst(row, |instrument| &instrument.scheduling_delay_load, [p99, longest]),
        ]
    });
    let floor = chapter.analysis.run.manifest.techniques.iter().find(|technique| technique.baseline);
    let floor = floor.map_or_else(String::new, |technique| inline(&technique.label));
    format!(
        "{floor}, scenario by scenario; lag and scheduling delays are the worst of all its trials:\n\n{}",
        table(1, &head, lines)
    )
}

/// The largest value needs no sample to bound it: it was measured.
fn longest(quantiles: &Quantiles) -> Option<f64> {
    Some(quantiles.max_ns as f64)
}

/// The worst of the trials, since quantiles of different trials are not averaged; none where a trial has none.
fn worst(
    row: &Row<'_>,
    part: impl Fn(&Instrument) -> &Option<Quantiles>,
    pair: [fn(&Quantiles) -> Option<f64>; 2],
) -> String {
    let outcomes = row.trials.iter().filter_map(|trial| trial.record.result.outcome());
    let all: Vec<&Quantiles> = outcomes.filter_map(|outcome| part(&outcome.instrument).as_ref()).collect();
    if all.is_empty() {
        return numbers::NOTHING.to_owned();
    }
    let worst = |of: fn(&Quantiles) -> Option<f64>| {
        let values: Option<Vec<f64>> = all.iter().map(|quantiles| of(quantiles)).collect();
        optional(values, |values| time(values.into_iter().fold(0.0, f64::max)))
    };
    pair.map(worst).join(" / ")
}
