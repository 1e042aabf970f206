//! Scenario by scenario: the question, how to read the answer, tables, charts.

use super::markdown::{anchor, inline, table};
use super::scenario::{charts, few, heading};
use super::{Chapter, crossings, handshake, price, transport_cost};
use crate::charts::{Figure, Picture, Place};
use crate::numbers::{self, Scale, optional, significant};
use crate::statistics::{Figures, Quantile, Row, ScenarioResult};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let analysis = chapter.analysis;
    if analysis.scenarios.is_empty() {
        let none = analysis.topics.is_empty() && analysis.limits.is_empty();
        let why = if none {
            "No trial has ended yet."
        } else {
            "All scenarios of this run have sections of their own."
        };
        return format!("*{why}*\n");
    }
    let answers = chapter.analysis.scenarios.iter().map(|answer| scenario(chapter, answer));
    format!("{NOTE}\n\n{}", answers.collect::<Vec<_>>().join("\n"))
}

const NOTE: &str = "*Set-up* is what each subscriber's connection took from its first byte until it was connected, both directions, counted once and in \
    no other figure but the layers before the window; for a technique that asks, its first request and answer are in it. *TCP/IP headers* \
    are those of all segments in the window as the kernel counted them, both directions, pure acknowledgements included; wire bytes are those of the TCP \
    stream and do not hold them. *Server memory/subscriber* is the server's anonymous resident memory (heap and stacks) with everybody connected and no event sent yet, less \
    that before the first connection, ÷ subscribers; pages that the allocator had at hand make it small where subscribers are few.";

fn scenario(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let info = answer.info;
    let tables = format!("{}\n{}", latency_table(chapter, answer), cost_table(chapter, answer));
    let tables = if answer.is_single() {
        tables
    } else {
        format!("<details>\n<summary>Every point as a table</summary>\n\n{tables}\n</details>\n")
    };
    let charts = charts(chapter, Place::Answers, info);
    format!(
        "{}\n\n{}\n\n{}",
        heading(chapter, "scenario", info),
        trials(answer),
        if answer.is_single() {
            format!("{tables}\n{charts}")
        } else {
            format!("{charts}{}{tables}", extras(chapter, answer))
        },
    )
}

/// What follows from a sweep beyond its charts; each is empty where the scenario asks something else.
fn extras(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let extras = [handshake::section, crossings::section, transport_cost::section, price::section];
    extras.map(|section| section(chapter, answer)).concat()
}

/// How many trials stand behind a row, and how many failed.
pub(super) fn trials(answer: &ScenarioResult<'_>) -> String {
    let ended = answer.rows.iter().map(|row| row.figures.as_ref().map_or(0, |figures| figures.trials));
    let (least, most) = (ended.clone().min().unwrap_or(0), ended.max().unwrap_or(0));
    let count = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    let all: usize = answer.rows.iter().map(|row| row.trials.len()).sum();
    let failed: usize =
        all - answer.rows.iter().filter_map(|row| row.figures.as_ref()).map(|f| f.trials).sum::<usize>();
    let failed =
        if failed == 0 { String::new() } else { format!(" **{failed} more did not run to their end.**") };
    format!("Trials behind a row: {count}.{}{failed}", few(least))
}

fn latency_table(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let uplink = answer.rows.iter().any(|row| row.figures.as_ref().is_some_and(|f| f.uplink.is_some()));
    let mut head = points_head(answer);
    head.extend(Quantile::SHOWN.map(Quantile::label));
    head.extend(["p50 × baseline", "service p99", "lost / dup / reordered"].map(str::to_owned));
    if uplink {
        head.extend(["up p50", "up p99"].map(str::to_owned));
    }
    let rows = answer.rows.iter().map(|row| {
        let mut cells = points(chapter, row);
        match &row.figures {
            Some(figures) => latency_cells(&mut cells, figures, uplink),
            None => cells.push("every trial failed".to_owned()),
        }
        cells.resize(head.len(), String::new());
        cells
    });
    table(answer.info.sweeps.len() + 1, &head, rows)
}

fn latency_cells(cells: &mut Vec<String>, figures: &Figures, uplink: bool) {
    let counts = &figures.counts;
    cells.extend(figures.delivery.map(numbers::shown));
    cells.push(optional(figures.p50_to_baseline, numbers::estimate));
    cells.push(numbers::shown(figures.service_at(Quantile::P99)));
    cells.push(format!(
        "{} / {} / {}",
        numbers::whole(counts.lost),
        numbers::whole(counts.duplicate),
        numbers::whole(counts.reordered)
    ));
    if uplink {
        let at = |quantile| {
            optional(figures.uplink, |uplink| numbers::shown(crate::statistics::shown_at(&uplink, quantile)))
        };
        cells.extend([at(Quantile::P50), at(Quantile::P99)]);
    }
}

/// A column of the table of costs.
struct Cost {
    name: &'static str,
    show: fn(&Figures) -> String,
}

const COSTS: [Cost; 9] = [
    Cost { name: "events per response", show: |figures| optional(events_per_response(figures), significant) },
    Cost { name: "wire B/event up", show: |figures| optional(figures.wire[0], numbers::estimate) },
    Cost { name: "wire B/event down", show: |figures| optional(figures.wire[1], numbers::estimate) },
    Cost { name: "overhead ratio", show: |figures| optional(figures.overhead_ratio, significant) },
    Cost {
        name: "set-up B/subscriber",
        show: |figures| optional(figures.set_up.as_ref(), |set_up| numbers::estimate(set_up.wire)),
    },
    Cost {
        name: "TCP/IP headers B/event (kernel)",
        show: |figures| optional(figures.headers, numbers::estimate),
    },
    Cost { name: "server CPU/event", show: |figures| optional(figures.cpu, numbers::time_estimate) },
    Cost { name: "CPU × baseline", show: |figures| optional(figures.cpu_to_baseline, numbers::estimate) },
    Cost {
        name: "server memory/subscriber",
        show: |figures| {
            let kib = Scale { name: "KiB", size: 1_024.0 };
            optional(figures.memory_per_subscriber, |memory| numbers::estimate_in(kib, memory))
        },
    },
];

fn cost_table(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let mut head = points_head(answer);
    head.extend(COSTS.iter().map(|column| column.name.to_owned()));
    let rows = answer.rows.iter().filter_map(|row| {
        let figures = row.figures.as_ref()?;
        let cells = COSTS.iter().map(|column| (column.show)(figures));
        Some(points(chapter, row).into_iter().chain(cells).collect())
    });
    table(answer.info.sweeps.len() + 1, &head, rows)
}

fn events_per_response(figures: &Figures) -> Option<f64> {
    let counts = &figures.counts;
    (counts.responses > 0).then(|| counts.events_in_window as f64 / counts.responses as f64)
}

fn points_head(answer: &ScenarioResult<'_>) -> Vec<String> {
    let keys = answer.info.sweeps.iter().map(|key| inline(key));
    keys.chain(["technique".to_owned()]).collect()
}

fn points(chapter: &Chapter<'_>, row: &Row<'_>) -> Vec<String> {
    let values = row.point.iter().map(|coordinate| inline(&coordinate.text));
    values.chain([chapter.label(row.technique)]).collect()
}

pub(super) fn figure(chapter: &Chapter<'_>, figure: &Figure) -> String {
    let name = figure.file.trim_end_matches(".svg");
    let picture = &figure.picture;
    format!(
        "<a id=\"figure-{}{}\"></a>\n\n![{}]({}/charts/{})\n\n*{}.* {} Made by `{}`.\n\n",
        anchor(name),
        chapter.suffix,
        alternative(picture),
        chapter.link,
        figure.file,
        inline(&picture.title),
        picture.caption,
        chapter.remake(),
    )
}

/// The figures in words where there are few of them; a longer list is easier to follow in the table.
fn alternative(picture: &Picture) -> String {
    const LISTENABLE: usize = 900;
    let text = match picture.description.len() {
        ..=LISTENABLE => format!("{}. {}", picture.title, picture.description),
        _ => format!("{}. All of its figures are in the table of this scenario.", picture.title),
    };
    // A bracket would end the text.
    inline(&text).replace('[', "(").replace(']', ")")
}
