//! Servers that others wrote, beside pushbench's own: the same events by the same client, technique by technique.

use model::manifest::TargetInfo;
use model::settings::Publisher;

use super::Chapter;
use super::markdown::{inline, table, word_table};
use super::saturation::{capacity, ends, load_generator, name, server, share};
use super::scenario::{charts, heading};
use crate::charts::Place;
use crate::numbers::{self, NOTHING, optional, significant};
use crate::statistics::{
    Estimate, Figures, Limits, Quantile, Ratios, Row, Saturation, ScenarioResult, TargetComparison,
};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let analysis = chapter.analysis;
    let contests = analysis.contests.iter().map(|contest| one(chapter, contest));
    let saturated = analysis.limits.iter().filter(|limits| limits.is_contest());
    let parts: Vec<String> = contests.chain(saturated.map(|limits| at_saturation(chapter, limits))).collect();
    if parts.is_empty() {
        return format!(
            "*No server that others wrote took part in this run.*\n{}",
            chapter.left_out(&["target ", "targets"])
        );
    }
    format!("{NOTE}\n\n{}\n{}", parts.join("\n"), servers(chapter))
}

const NOTE: &str = "Servers that nobody here wrote, started by pushbench with the configurations below, subscribed to by the same client and measured in \
    the same shuffled rounds on the same cores. **Latency includes each server's own publish call**: it runs from the time at which an event was due \
    at the publisher to its receipt, and there the publisher hands an event over by an HTTP request of its own. CPU is that of all of a server's processes, \
    taking the publish calls included. Ratios are ours ÷ theirs, so less than 1 says that ours takes less, with 95 % intervals between trials, paired by repetition; where \
    one holds 1, this run does not tell. Events per response stand beside CPU, since batching changes it.";

fn one(chapter: &Chapter<'_>, contest: &TargetComparison<'_>) -> String {
    let ours = chapter.analysis.answer(&contest.info.name);
    let head = ["technique", "theirs", "CPU/event", "p99", "wire B/event", "events/response", "lost, theirs"];
    let head: Vec<String> =
        contest.info.sweeps.iter().map(|key| inline(key)).chain(head.map(str::to_owned)).collect();
    let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
    for (target, theirs) in &contest.theirs {
        rows.extend(theirs.rows.iter().map(|row| (row.technique, line(chapter, target, row, ours))));
    }
    rows.sort_by_key(|(technique, _)| *technique);
    format!(
        "{}{}\n\n{}\n{}",
        heading(chapter, "servers", contest.info),
        ours.map_or_else(String::new, |ours| published(ours)),
        table(contest.info.sweeps.len() + 2, &head, rows.into_iter().map(|(_, line)| line)),
        charts(chapter, Place::OtherServers, contest.info),
    )
}

/// Every server at its own capacity, so that nobody pays for waking an idle core.
fn at_saturation(chapter: &Chapter<'_>, limits: &Limits<'_>) -> String {
    let info = limits.info;
    let head = [
        "technique",
        "theirs",
        "CPU/event",
        "capacity, deliveries/s",
        "p99 there",
        "events/response",
        "server busy",
        "load generator busy",
        "bottleneck",
    ];
    let theirs = limits.saturations.iter().filter(|found| found.whose.target.is_some());
    let rows = theirs.map(|theirs| saturated(chapter, limits, theirs));
    format!(
        "{}\n\n{}\n{SATURATED}\n\n{}",
        heading(chapter, "scenario", info),
        table(2, &head.map(str::to_owned), rows),
        charts(chapter, Place::OtherServers, info),
    )
}

const SATURATED: &str = "Each at its own capacity, which was searched for in the same repetition: trials at the highest rate that passed. CPU is that of the whole process group for each event \
    that was delivered. **≥**: the server was not the bottleneck, so its capacity may be higher. The last three columns are ours : theirs, too: \
    CPU per event of two servers that are not equally busy is not that of two at their limit. Busy is of the share of its core that a server had, where processes that only \
    compute took the rest; one whose process has several threads gets more than one share.";

fn saturated(chapter: &Chapter<'_>, limits: &Limits<'_>, theirs: &Saturation<'_>) -> Vec<String> {
    let own = limits.ours(theirs);
    let rows = own.and_then(|own| own.row.as_ref()).zip(theirs.row.as_ref());
    let ratios = rows.map(|(own, theirs)| Ratios::of(own, theirs));
    let ratio = |of: fn(&Ratios) -> Option<Estimate>| ratios.as_ref().and_then(of);
    let both = |of: fn(&Figures) -> Option<Estimate>, show: fn(f64) -> String| {
        let of = |row: Option<&Row<'_>>| {
            optional(row.and_then(|row| of(row.figures.as_ref()?)), |it| show(it.value))
        };
        format!("{} : {}", of(own.and_then(|own| own.row.as_ref())), of(theirs.row.as_ref()))
    };
    let capacities = own.and_then(|own| own.capacities()?.over(&theirs.capacities()?));
    // A quotient of what is at least so much with what is at least so much says nothing.
    let is_exact = !theirs.is_at_least() && own.is_some_and(|own| !own.is_at_least());
    let own_capacity = own.map_or_else(|| NOTHING.to_owned(), capacity);
    let p99 = |figures: &Figures| figures.delivery_at(Quantile::P99).estimate();
    vec![
        name(chapter, limits, &theirs.whose),
        theirs.whose.target.map_or_else(String::new, |target| inline(&target.label)),
        cell(ratio(|ratios| ratios.cpu), &both(|figures| figures.cpu, numbers::time)),
        cell(capacities.filter(|_| is_exact), &format!("{own_capacity} : {}", capacity(theirs))),
        cell(ratio(|ratios| ratios.p99), &both(p99, numbers::time)),
        cell(ratio(|ratios| ratios.batch), &both(events_per_response, significant)),
        beside(own, theirs, |found| optional(server(chapter, found), share)),
        beside(own, theirs, |found| optional(load_generator(found), share)),
        beside(own, theirs, ends),
    ]
}

/// Ours : theirs.
fn beside(
    own: Option<&Saturation<'_>>,
    theirs: &Saturation<'_>,
    say: impl Fn(&Saturation<'_>) -> String,
) -> String {
    format!("{} : {}", optional(own, &say), say(theirs))
}

/// How ours get their events, which is half of what the comparison is worth.
fn published(ours: &ScenarioResult<'_>) -> String {
    let is_posted = |row: &Row<'_>| row.settings.publisher == Publisher::Post;
    if ours.rows.iter().all(is_posted) {
        " *Ours are published to by an HTTP POST for each event, too, so that both sides bear the same.*"
            .to_owned()
    } else {
        " *Ours get their events by the feed, a Unix socket without HTTP: theirs bear a publish call that ours do not.*".to_owned()
    }
}

fn line(
    chapter: &Chapter<'_>,
    target: &TargetInfo,
    row: &Row<'_>,
    ours: Option<&ScenarioResult<'_>>,
) -> Vec<String> {
    let own = ours.and_then(|ours| ours.rows_of(row.technique).find(|own| own.point == row.point));
    let ratios = own.map(|own| Ratios::of(own, row));
    let ratio = |of: fn(&Ratios) -> Option<Estimate>| ratios.as_ref().and_then(of);
    let both = |of: fn(&Figures) -> Option<Estimate>, show: fn(f64) -> String| {
        let shown = |row: Option<&Row<'_>>| {
            let figure = row.and_then(|row| of(row.figures.as_ref()?));
            optional(figure, |figure| show(figure.value))
        };
        format!("{} : {}", shown(own), shown(Some(row)))
    };
    let point = row.point.iter().map(|coordinate| inline(&coordinate.text));
    let cells = [
        cell(ratio(|ratios| ratios.cpu), &both(|figures| figures.cpu, numbers::time)),
        cell(
            ratio(|ratios| ratios.p99),
            &both(|figures| figures.delivery_at(Quantile::P99).estimate(), numbers::time),
        ),
        cell(ratio(|ratios| ratios.wire), &both(|figures| figures.wire_both, significant)),
        cell(ratio(|ratios| ratios.batch), &both(events_per_response, significant)),
        row.figures.as_ref().map_or_else(|| "every trial failed".to_owned(), losses),
    ];
    point.chain([chapter.label(row.technique), inline(&target.label)]).chain(cells).collect()
}

fn cell(ratio: Option<Estimate>, both: &str) -> String {
    let ratio =
        ratio.map_or_else(|| NOTHING.to_owned(), |ratio| format!("**× {}**", numbers::estimate(ratio)));
    format!("{ratio}<br>{both}")
}

fn losses(figures: &Figures) -> String {
    format!("{} of {}", numbers::whole(figures.counts.lost), numbers::whole(figures.counts.expected))
}

fn events_per_response(figures: &Figures) -> Option<Estimate> {
    let counts = &figures.counts;
    let value = counts.events_in_window as f64 / counts.responses as f64;
    (counts.responses > 0).then_some(Estimate { value, interval: None })
}

/// What the others are, how they are published to, and their settings.
fn servers(chapter: &Chapter<'_>) -> String {
    let took_part = |target: &&TargetInfo| {
        let mut theirs = chapter.analysis.contests.iter().flat_map(|contest| &contest.theirs);
        let mut saturations = chapter.analysis.limits.iter().flat_map(|limits| &limits.saturations);
        theirs.any(|(other, _)| other.name == target.name)
            || saturations.any(|found| found.whose.target.is_some_and(|other| other.name == target.name))
    };
    let targets: Vec<&TargetInfo> = chapter.analysis.run.manifest.targets.iter().filter(took_part).collect();
    let rows = targets.iter().map(|target| {
        vec![
            inline(&target.label),
            inline(&target.about),
            target.version.as_deref().map_or_else(|| "unknown".to_owned(), inline),
            inline(&target.publish),
        ]
    });
    let texts = targets.iter().map(|target| {
        format!(
            "<details>\n<summary>How {} is started, published to and subscribed to</summary>\n\n{}\n</details>\n",
            inline(&target.label),
            super::markdown::block("toml", &target.text)
        )
    });
    let head = ["server", "what it is", "version", "how an event is published there"];
    format!("{}\n{}", word_table(&head, rows), texts.collect::<Vec<_>>().join("\n"))
}
