//! The tap against the kernel: trials that ran alone in a network namespace, whose loopback counters saw nothing else.

use schema::trial::{Observed, SegmentCount, TrialOutcome};

use super::Chapter;
use super::markdown::{anchor, inline, table};
use crate::load::Trial;
use crate::numbers::whole;
use crate::statistics::{Answer, Row};

/// IP and TCP header of a packet of an open connection: 20 (RFC 791 §3.1), 20 (RFC 9293 §3.1), and 12 for timestamps
/// (RFC 7323 §3.2, with its two bytes of padding).
const HEADERS: u64 = 52;
/// What a SYN has beyond that: maximum segment size, selective acknowledgements permitted, window scale, less padding
/// that it does not need.
const SYN_EXTRA: u64 = 8;

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let seen = |answer: &&Answer<'_>| answer.rows.iter().any(|row| !checks(row).is_empty());
    let answers: Vec<&Answer<'_>> = chapter.study.scenarios.iter().filter(seen).collect();
    if answers.is_empty() {
        return "*No trial of this run had a network namespace of its own, so nothing stands beside the tap's counts.*\n"
            .to_owned();
    }
    let all: Vec<Check<'_>> = answers.iter().flat_map(|answer| answer.rows.iter()).flat_map(checks).collect();
    let tables = answers.iter().map(|answer| scenario(chapter, answer));
    format!("{READING}\n\n{}\n\n{}", verdict(&all), tables.collect::<Vec<_>>().join("\n"))
}

const READING: &str = "Server and load generator had a network of their own here, and the kernel counted every packet that crossed it. The \
    tap counts the bytes of the TCP streams, by layer; what the kernel adds to these are headers, and their size is known: 52 \
    bytes a packet (IP 20, TCP 20, timestamps 12), and 8 more for each of the two packets that open a connection, which carry \
    more options. Nothing is fitted: stream bytes are the tap's, packets, connections and the sum to compare with are the \
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
        HEADERS * self.observed.packets + SYN_EXTRA * 2 * self.observed.connections
    }

    /// What the kernel counted beyond tap and headers.
    fn difference(&self) -> i64 {
        self.observed.bytes as i64 - (self.stream() + self.headers()) as i64
    }

    fn shown_difference(&self) -> String {
        match (self.difference(), self.observed.retransmitted) {
            (0, _) => "0 B".to_owned(),
            (bytes, 0) => format!("**{bytes:+} B**, not explained"),
            (bytes, again) => format!(
                "**{bytes:+} B**; {again} segments were sent again, whose bytes the kernel counts twice"
            ),
        }
    }

    fn segments(&self) -> u64 {
        let total = &self.outcome.segments.total;
        [total.up, total.down].iter().map(|SegmentCount { segments, .. }| segments).sum()
    }
}

fn verdict(checks: &[Check<'_>]) -> String {
    let equal = checks.iter().filter(|check| check.difference() == 0).count();
    let bytes: u64 = checks.iter().map(|check| check.observed.bytes).sum();
    let all = if equal == checks.len() { "all".to_owned() } else { format!("{equal} of") };
    format!(
        "In **{all} {} trials** the tap's layers and the packets' headers add up to the kernel's count to the byte ({} bytes together).",
        checks.len(),
        whole(bytes)
    )
}

fn scenario(chapter: &Chapter<'_>, answer: &Answer<'_>) -> String {
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
