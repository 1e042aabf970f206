//! Byte accounting against the kernel: trials that ran alone in a network namespace, whose loopback counters saw nothing else.

use model::trial::{Observed, SegmentCount, TrialOutcome};
use theory::tcp;

use super::Chapter;
use super::markdown::{anchor, inline, table};
use crate::load::Trial;
use crate::numbers::whole;
use crate::statistics::{Row, ScenarioResult};

/// What a SYN has beyond the headers of any segment: more options.
const SYN_EXTRA: u64 = tcp::SYN - tcp::SEGMENT_HEADER;
/// The most that a segment counts which is sent again.
const LARGEST_SEGMENT: u64 = tcp::SEGMENT_HEADER + tcp::MSS;

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let seen = |answer: &&ScenarioResult<'_>| answer.rows.iter().any(|row| !checks(row).is_empty());
    let answers: Vec<&ScenarioResult<'_>> = chapter.analysis.scenarios.iter().filter(seen).collect();
    if answers.is_empty() {
        return "*No trial of this run had a network namespace of its own, so nothing stands beside byte accounting's counts.*\n"
            .to_owned();
    }
    let all: Vec<Check<'_>> = answers.iter().flat_map(|answer| answer.rows.iter()).flat_map(checks).collect();
    let tables = answers.iter().map(|answer| scenario(chapter, answer));
    let rows = answers.iter().flat_map(|answer| &answer.rows);
    let planned = rows.flat_map(|row| &row.trials).filter(|trial| trial.record.settings.observed).count();
    format!("{READING}\n\n{}\n\n{}", verdict(&all, planned), tables.collect::<Vec<_>>().join("\n"))
}

const READING: &str = "Server and load generator had a network of their own here, and the kernel counted every packet that crossed it. The \
    tap counts the bytes of the TCP streams, by layer; what the kernel adds to these are headers, and their size is known: 52 \
    bytes a packet (IP 20, TCP 20, timestamps 12), and 8 more for each of the two packets that open a connection, which carry \
    more options. Nothing is fitted: stream bytes are byte accounting's, packets, connections and the sum to compare with are the \
    kernel's. *Packets here* are those that crossed the loopback device, where one may be as long as 64 KiB and an \
    acknowledgement may find company; *segments at 1500 B* are what the same sockets counted (`TCP_INFO`) with the maximum \
    segment size of a path of 1500 bytes, until they were closed.";

/// A trial and what the kernel saw of it.
struct Check<'a> {
    outcome: &'a TrialOutcome,
    observed: Observed,
}

fn checks<'a>(row: &Row<'a>) -> Vec<Check<'a>> {
    let check = |trial: &'a Trial| {
        let (outcome, observed) = (trial.record.result.outcome()?, trial.record.observed?);
        Some(Check { outcome, observed })
    };
    row.trials.iter().filter_map(|trial| check(trial)).collect()
}

impl Check<'_> {
    fn stream(&self) -> u64 {
        self.outcome.bytes.total.wire()
    }

    fn headers(&self) -> u64 {
        tcp::SEGMENT_HEADER * self.observed.packets + SYN_EXTRA * 2 * self.observed.connections
    }

    /// What the kernel counted beyond tap and headers.
    fn difference(&self) -> i64 {
        self.observed.bytes as i64 - (self.stream() + self.headers()) as i64
    }

    fn shown_difference(&self) -> String {
        let again = self.observed.retransmitted;
        match self.difference() {
            0 => "0 B".to_owned(),
            bytes if 0 < bytes && bytes as u64 <= again * LARGEST_SEGMENT => {
                format!("{bytes:+} B; {again} segments were sent again, whose bytes the kernel counts twice")
            }
            bytes => format!("**{bytes:+} B, not explained**"),
        }
    }

    fn segments(&self) -> u64 {
        let total = &self.outcome.segments.total;
        [total.up, total.down].iter().map(|SegmentCount { segments, .. }| segments).sum()
    }
}

/// Trials that failed have nothing to compare, and are counted among the planned ones.
fn verdict(checks: &[Check<'_>], planned: usize) -> String {
    let equal = checks.iter().filter(|check| check.difference() == 0).count();
    let bytes: u64 = checks.iter().map(|check| check.observed.bytes).sum();
    let share = match checks.len() {
        compared if compared < planned => format!("{equal} of {planned} planned trials"),
        compared if compared == equal => format!("all {compared} trials"),
        compared => format!("{equal} of {compared} trials"),
    };
    format!(
        "In **{share}** byte accounting's layers and the packets' headers add up to the kernel's count to the byte ({} bytes together).",
        whole(bytes)
    )
}

fn scenario(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let keys = answer.info.sweeps.iter().map(|key| inline(key));
    let columns = [
        "technique",
        "stream bytes (tap)",
        "IP and TCP headers",
        "sum",
        "kernel's count",
        "difference",
        "packets here",
        "segments at 1500 B",
        "sent again",
    ];
    let head: Vec<String> = keys.chain(columns.map(str::to_owned)).collect();
    let lines =
        answer.rows.iter().flat_map(|row| checks(row).into_iter().map(|check| line(chapter, row, &check)));
    let name = &answer.info.name;
    format!(
        "Scenario [{}](#scenario-{}{}):\n\n{}",
        inline(name),
        anchor(name),
        chapter.suffix,
        table(answer.info.sweeps.len() + 1, &head, lines)
    )
}

fn line(chapter: &Chapter<'_>, row: &Row<'_>, check: &Check<'_>) -> Vec<String> {
    let point = row.point.iter().map(|coordinate| inline(&coordinate.text));
    let numbers = [check.stream(), check.headers(), check.stream() + check.headers(), check.observed.bytes];
    let counts = [check.observed.packets, check.segments(), check.observed.retransmitted];
    let cells = numbers.into_iter().map(whole).chain([check.shown_difference()]);
    point.chain([chapter.label(row.technique)]).chain(cells).chain(counts.map(whole)).collect()
}
