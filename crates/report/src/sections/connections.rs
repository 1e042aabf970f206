//! How cost grows with the number of connections, and where it would break.

mod million;

use super::Chapter;
use super::markdown::{inline, table, word_table};
use super::topic::{self, Said};
use crate::numbers::{self, NOTHING, Scale, estimate_in, optional, significant, whole};
use crate::statistics::{
    Estimate, Fit, Growing, Growth, Quantile, Row, Shape, Topic, connections, transport_name,
};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let nothing = "This run did not count how cost grows with connections.";
    topic::section(chapter, Topic::Connections, nothing, |chapter, answer| {
        let growing = answer.growing();
        Said {
            above: format!("{}\n{NOTE}", held(chapter, &growing)),
            below: format!("{}{}", fits(chapter, &growing), million::extrapolated(chapter, answer, &growing)),
        }
    })
}

const NOTE: &str = "Each line below is fitted by least squares to all trials (connections, what all of them took together), with 95 % intervals of slope and intercept. \
    Whether it is one is asked of what the points keep from it: where trials were repeated, by the lack-of-fit test against their spread, else by whether a square term \
    explains more than chance does. It is called *bent* where chance alone would do that in fewer than 5 of 100 cases; beside it stands how far the point lies off that lies farthest off, since with \
    very even trials a bend can be sure and small.";

/// A line for each technique and transport, a column for each number of connections: what came of a trickle of events there.
fn held(chapter: &Chapter<'_>, growing: &[Growing<'_>]) -> String {
    let mut counts: Vec<f64> =
        growing.iter().flat_map(|one| one.rows.iter().map(|row| connections(row))).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    let names = counts.iter().map(|count| numbers::plain(*count));
    let head: Vec<String> = ["technique", "transport"].map(str::to_owned).into_iter().chain(names).collect();
    let rows = growing.iter().map(|one| {
        let cells = counts.iter().map(|count| {
            let rows: Vec<&Row<'_>> =
                one.rows.iter().copied().filter(|row| connections(row) == *count).collect();
            if rows.is_empty() { NOTHING.to_owned() } else { came_of(&rows) }
        });
        begin(chapter, one).into_iter().chain(cells).collect()
    });
    format!("{HELD}\n\n{}", table(2, &head, rows))
}

const HELD: &str = "Held at once, by the number of connections: p99 of the delivery latency where a trickle of events came, and what was missing of them; *idle* where none came. \
    A connection that broke and was made again is counted beside.";

fn came_of(rows: &[&Row<'_>]) -> String {
    let figures: Vec<_> = rows.iter().filter_map(|row| row.figures.as_ref()).collect();
    let failed = rows.iter().map(|row| row.trials.len()).sum::<usize>()
        - figures.iter().map(|it| it.trials).sum::<usize>();
    let trickle = figures.iter().find(|figures| figures.counts.expected > 0);
    let mut said = vec![match trickle {
        Some(figures) => numbers::shown(figures.delivery_at(Quantile::P99)),
        None if figures.is_empty() => String::new(),
        None => "idle".to_owned(),
    }];
    let count = |number: u64, what: &str| (number > 0).then(|| format!("**{} {what}**", whole(number)));
    said.extend(count(figures.iter().map(|figures| figures.counts.lost).sum(), "missing"));
    said.extend(count(figures.iter().map(|figures| figures.counts.reconnects).sum(), "made again"));
    said.extend(count(failed as u64, if failed == 1 { "trial failed" } else { "trials failed" }));
    said.retain(|part| !part.is_empty());
    said.join("<br>")
}

fn begin(chapter: &Chapter<'_>, growing: &Growing<'_>) -> [String; 2] {
    [chapter.label(growing.technique), inline(&transport_name(growing.transport))]
}

/// What a growth is called, what it is for one connection, and in what both are said.
struct Words {
    growth: Growth,
    title: &'static str,
    each: Scale,
    all: Scale,
}

const KIB: Scale = Scale { name: "KiB", size: 1_024.0 };
const MIB: Scale = Scale { name: "MiB", size: 1_048_576.0 };
const MICROSECONDS: Scale = Scale { name: "µs", size: 1e3 };
const MILLISECONDS: Scale = Scale { name: "ms", size: 1e6 };

const WORDS: [Words; 4] = [
    Words {
        growth: Growth::UserMemory,
        title: "Memory of the server: anonymous and resident, that is heap and stacks",
        each: KIB,
        all: MIB,
    },
    Words {
        growth: Growth::KernelMemory,
        title: "Memory of the kernel, both ends of every connection",
        each: KIB,
        all: MIB,
    },
    Words {
        growth: Growth::IdleCpu,
        title: "Server CPU for each second in which no event comes",
        each: MICROSECONDS,
        all: MILLISECONDS,
    },
    Words {
        growth: Growth::Connecting,
        title: "Time until all are connected",
        each: MICROSECONDS,
        all: MILLISECONDS,
    },
];

fn fits(chapter: &Chapter<'_>, growing: &[Growing<'_>]) -> String {
    WORDS.iter().map(|words| fits_of(chapter, growing, words)).collect()
}

/// Nothing where no trial tells.
fn fits_of(chapter: &Chapter<'_>, growing: &[Growing<'_>], words: &Words) -> String {
    let rows: Vec<Vec<String>> = growing
        .iter()
        .filter_map(|one| {
            let fit = one.fit(words.growth)?;
            Some(begin(chapter, one).into_iter().chain(parameters(&fit, words)).collect())
        })
        .collect();
    if rows.is_empty() {
        return format!("**{}**: too few trials tell.\n\n", words.title);
    }
    let head = ["technique", "transport", "each connection (slope)", "without any (intercept)", "linear?"];
    format!("**{}**\n\n{}\n", words.title, word_table(&head, rows))
}

fn parameters(fit: &Fit, words: &Words) -> [String; 3] {
    [estimate_in(words.each, fit.slope), estimate_in(words.all, fit.intercept), shape(fit)]
}

fn shape(fit: &Fit) -> String {
    let farthest = format!("farthest off {} %", significant(fit.farthest * 100.0));
    match fit.shape {
        Shape::Straight(chance) => format!("yes (p = {}; {farthest})", significant(chance)),
        Shape::Bent(chance) if chance < 0.001 => format!("**bent** (p < 0.001; {farthest})"),
        Shape::Bent(chance) => format!("**bent** (p = {}; {farthest})", significant(chance)),
        Shape::Untested => format!("too few points to tell ({farthest})"),
    }
}

/// An estimate, where there is one.
fn shown(estimate: Option<Estimate>, scale: Scale) -> String {
    optional(estimate, |estimate| estimate_in(scale, estimate))
}
