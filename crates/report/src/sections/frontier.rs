//! What an event costs at equal latency: the charts, who is cheapest within which bound, and where lines meet.

use super::Chapter;
use super::markdown::{anchor, inline, table};
use super::scenario::{charts, heading};
use crate::charts::Place;
use crate::numbers::{self, NOTHING, optional, significant};
use crate::statistics::{
    Estimate, Figures, Meeting, Panel, Point, Price, Rivals, Row, ScenarioResult, Standing, Subject, batch,
};

/// The bounds that people ask for, nanoseconds.
const BOUNDS_NS: [f64; 5] = [1e6, 1e7, 5e7, 2e8, 1e9];

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let parts: Vec<String> = asked(chapter).into_iter().map(|answer| one(chapter, answer)).collect();
    if parts.is_empty() {
        return "*No scenario of this run asks what an event costs at equal latency.*\n".to_owned();
    }
    parts.join("\n")
}

/// Those that compare lines before the others.
fn asked<'c>(chapter: &'c Chapter<'_>) -> Vec<&'c ScenarioResult<'c>> {
    let scenarios = chapter.analysis.scenarios.iter();
    let mut asked: Vec<&ScenarioResult<'_>> =
        scenarios.filter(|answer| answer.subject() == Subject::Frontier).collect();
    asked.sort_by_key(|answer| !compares_lines(chapter, answer));
    asked
}

fn panels<'c>(chapter: &Chapter<'c>, answer: &ScenarioResult<'_>, price: Price) -> &'c [Panel] {
    let frontier = chapter.analysis.frontiers.get(answer.info.name.as_str());
    frontier.map_or(&[], |frontier| frontier.panels(price))
}

/// What there is to compare at equal latency stands open; what has lines of one technique only is below a fold.
fn one(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let info = answer.info;
    let heading = heading(chapter, "frontier", info);
    let (charts, every) = (charts(chapter, Place::Frontier, info), every(chapter, answer));
    if !compares_lines(chapter, answer) {
        return format!(
            "{heading}\n\n{every}\n<details>\n<summary>The same as charts</summary>\n\n{charts}\n</details>\n"
        );
    }
    let parts = [Price::Cpu, Price::Wire].map(|price| meetings(chapter, answer, price));
    format!("{heading}\n\n{charts}{}\n{}{every}", cheapest(chapter, answer), parts.concat())
}

/// Whether several techniques trade latency for work: a technique without a swept time is a point, and no line.
fn compares_lines(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> bool {
    let lines =
        |panel: &Panel| panel.lines.iter().filter(|line| !line.is_baseline && line.points.len() > 1).count();
    panels(chapter, answer, Price::Cpu).iter().any(|panel| lines(panel) > 1)
}

/// Who keeps which bound with the least CPU of the server.
fn cheapest(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let tail = answer.tail().label();
    let bounds = BOUNDS_NS.map(|bound| format!("{tail} within {}", numbers::duration(bound)));
    let head: Vec<String> = ["events to each subscriber".to_owned()].into_iter().chain(bounds).collect();
    let rows = panels(chapter, answer, Price::Cpu).iter().map(|panel| {
        let cells = BOUNDS_NS.iter().map(|bound| winner(chapter, panel, *bound));
        [inline(&panel.name)].into_iter().chain(cells).collect()
    });
    format!(
        "Least server CPU per event within a bound, read off the lines; *or* where the trials do not tell who it is, and the next one's multiple:\n\n{}",
        table(1, &head, rows)
    )
}

fn winner(chapter: &Chapter<'_>, panel: &Panel, bound_ns: f64) -> String {
    let prices = panel.prices(bound_ns);
    let Some((cheapest, cost, _)) = prices.first() else { return NOTHING.to_owned() };
    let (close, costlier): (Vec<_>, Vec<_>) =
        prices.iter().skip(1).partition(|(_, _, ratio)| is_close(*ratio));
    let names = [cheapest].into_iter().chain(close.iter().map(|(order, _, _)| order));
    let names: Vec<String> = names.map(|order| format!("**{}**", chapter.label(*order))).collect();
    let next = costlier
        .first()
        .map(|(order, _, ratio)| format!("<br>{} × {}", chapter.label(*order), significant(ratio.value)));
    format!("{} {}{}", names.join(" or "), numbers::time(*cost), next.unwrap_or_default())
}

/// Without an interval it prints nothing.
fn is_close(ratio: Estimate) -> bool {
    ratio.interval.is_none_or(|interval| interval.low <= 1.0)
}

/// A price in words.
fn named(price: Price) -> &'static str {
    match price {
        Price::Cpu => "server CPU",
        Price::Wire => "wire bytes",
    }
}

/// Where one technique becomes cheaper than another, and where the figures leave it open.
fn meetings(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, price: Price) -> String {
    let tail = answer.tail().label();
    let head = [
        "events to each subscriber".to_owned(),
        "cheaper within a tighter bound".to_owned(),
        "cheaper within a looser one".to_owned(),
        format!("from {tail}"),
    ];
    let panels = panels(chapter, answer, price).iter();
    let found: Vec<(&Panel, Vec<Rivals>)> = panels.map(|panel| (panel, panel.rivals())).collect();
    let rows: Vec<Vec<String>> =
        found.iter().flat_map(|(panel, rivals)| lines(chapter, panel, rivals)).collect();
    let crossings =
        if rows.is_empty() { "No two lines cross for sure.\n".to_owned() } else { table(3, &head, rows) };
    let caveats: String =
        found.iter().filter_map(|(panel, rivals)| caveats(chapter, panel, rivals)).collect();
    format!(
        "\n<details>\n<summary>Crossings: from which {tail} on one technique takes less {} than another</summary>\n\n{CROSSINGS}\n\n{crossings}\n{caveats}\n</details>\n",
        named(price),
    )
}

const CROSSINGS: &str = "A line is straight between its measured points where both axes are logarithmic, and level for as long as it would rise and behind its cheapest \
    one, since a looser bound is kept as well. Two of them cross where both take the same for an event; intervals are of 95 %, by drawing the \
    trials of each measured point again, each line for itself although repetitions \
    ran side by side, so that they are rather too wide. A crossing counts when all points of \
    both lines have three or more trials and at least 95 % of the drawings have it in the same direction.";

fn lines(chapter: &Chapter<'_>, panel: &Panel, rivals: &[Rivals]) -> Vec<Vec<String>> {
    let mut sure: Vec<&Meeting> = rivals.iter().flat_map(|rivals| &rivals.meetings).collect();
    sure.retain(|meeting| meeting.standing == Standing::Reliable);
    sure.sort_by(|a, b| a.latency_ns.total_cmp(&b.latency_ns));
    let line = |meeting: &&Meeting| {
        let latency = Estimate { value: meeting.latency_ns, interval: meeting.interval };
        vec![
            inline(&panel.name),
            chapter.label(meeting.tighter),
            chapter.label(meeting.looser),
            numbers::time_estimate(latency),
        ]
    };
    sure.iter().map(line).collect()
}

/// Pairs of which the trials tell neither who is cheaper nor whether that changes.
fn caveats(chapter: &Chapter<'_>, panel: &Panel, rivals: &[Rivals]) -> Option<String> {
    let is_untold = |rivals: &&Rivals| {
        let scattered = rivals.meetings.iter().any(|meeting| meeting.standing != Standing::Reliable);
        rivals.cheaper_first.is_none() || scattered
    };
    let pair = |rivals: &Rivals| {
        let [a, b] = rivals.techniques.map(|order| chapter.label(order));
        format!("{a} and {b} from {}", numbers::time(rivals.from_ns))
    };
    let pairs: Vec<String> = rivals.iter().filter(is_untold).map(pair).collect();
    let at = if panel.name.is_empty() { String::new() } else { format!(" at {}", inline(&panel.name)) };
    (!pairs.is_empty())
        .then(|| format!("Too close to tell{at}, at least for some bounds: {}.\n\n", pairs.join("; ")))
}

/// Every measured point, with what a poll pays for asking: events that came together, and answers that brought none.
fn every(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let head = [
        "events to each subscriber",
        "technique",
        "time swept",
        "p50",
        "latency",
        "server CPU per 1,000 events",
        "wire B/event",
        "superseded when read, %",
        "empty answers per event",
        "nothing beats it",
    ];
    let rows = panels(chapter, answer, Price::Cpu).iter().flat_map(|panel| {
        let points = panel.lines.iter().flat_map(|line| &line.points);
        points.map(move |point| cells(chapter, panel, point, &answer.rows[point.row]))
    });
    format!(
        "\n<details>\n<summary>Every point as a table</summary>\n\n*Superseded when read*: events that a later one of the same answer followed; who only wants \
         the newest state would have missed nothing by losing them. *Empty answers*: polls that found nothing new.\n\n{}\n</details>\n",
        table(3, &head.map(str::to_owned), rows)
    )
}

fn cells(chapter: &Chapter<'_>, panel: &Panel, point: &Point, row: &Row<'_>) -> Vec<String> {
    let figures = row.figures.as_ref();
    let p50 = |figures: &Figures| numbers::shown(figures.delivery[0]);
    let time = row.time();
    let superseded = row.mean(|_, outcome| Some((1.0 - 1.0 / batch(outcome)?) * 100.0));
    let empty = row.mean(|_, outcome| {
        let counts = &outcome.counts;
        (counts.events_in_window > 0).then(|| counts.empty_responses as f64 / counts.events_in_window as f64)
    });
    let cpu = figures.and_then(|figures| figures.cpu);
    vec![
        inline(&panel.name),
        chapter.label(row.technique),
        if time.is_empty() { NOTHING.to_owned() } else { inline(&time) },
        optional(figures, p50),
        numbers::time_estimate(point.latency),
        optional(cpu, |cpu| numbers::time_estimate(cpu.times(1_000.0))),
        optional(figures.and_then(|figures| figures.wire_both), numbers::estimate),
        optional(superseded, numbers::estimate),
        optional(empty, numbers::estimate),
        if point.is_best { "yes".to_owned() } else { String::new() },
    ]
}

/// The answer in short: who keeps a bound with the least work, at the middle one of the rates.
pub(super) fn headline(chapter: &Chapter<'_>) -> Option<String> {
    let answer = asked(chapter).into_iter().find(|answer| compares_lines(chapter, answer))?;
    let panels = panels(chapter, answer, Price::Cpu);
    let panel = panels.get(panels.len() / 2)?;
    let cases = [1e7, 2e8].into_iter().filter_map(|bound| {
        let prices = panel.prices(bound);
        let (order, cost, _) = prices.first()?;
        let close = prices.iter().skip(1).filter(|(_, _, ratio)| is_close(*ratio));
        let close: String = close.map(|(order, _, _)| format!(" or {}", chapter.label(*order))).collect();
        let (last, _, ratio) = prices.last()?;
        Some(format!(
            "within {} {}{close} ({}; {} × {})",
            numbers::duration(bound),
            chapter.label(*order),
            numbers::time(*cost),
            chapter.label(*last),
            significant(ratio.value),
        ))
    });
    let cases: Vec<String> = cases.collect();
    (!cases.is_empty()).then(|| {
        format!(
            "**[Least server CPU at equal latency](#frontier-{}{})**, {} of {}: {}.",
            anchor(&answer.info.name),
            chapter.suffix,
            answer.tail().label(),
            inline(&panel.name),
            cases.join("; "),
        )
    })
}
