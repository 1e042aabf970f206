//! `pushbench verify`: the smoke scenario in real processes, and whether counts and files are right. No times: a machine
//! that is slow or busy passes as well.

use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;
use model::trial::{TrialOutcome, TrialRecord, TrialResult};

use super::output::print;
use super::run::{Begun, begin};
use crate::cli::Run;
use crate::runner::Ended;
use crate::runner::interrupt::{self, Interrupt};
use crate::store::Store;

pub(super) fn verify() -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let folder = tempfile::tempdir().context("make a folder for the results")?;
    let arguments = Run { scenarios: vec!["smoke".to_owned()], repeat_disturbed: Some(0), ..Run::default() };
    let mut begun = begin(folder.path(), &arguments)?;
    if begun.go_on(&arguments, &interrupt)? == Ended::Interrupted {
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    }
    let checks = checks(&begun)?;
    let failed = checks.iter().filter(|check| check.fault.is_some()).count();
    let lines: String = checks.iter().map(Check::line).collect();
    print(&format!("{lines}{} checks, {failed} failed\n", checks.len()))?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Something that must be so.
struct Check {
    what: String,
    fault: Option<String>,
}

impl Check {
    fn new(what: String, holds: bool, found: impl FnOnce() -> String) -> Self {
        Self { what, fault: (!holds).then(found) }
    }

    fn line(&self) -> String {
        match &self.fault {
            None => format!("ok      {}\n", self.what),
            Some(found) => format!("FAILED  {}: {found}\n", self.what),
        }
    }
}

fn checks(begun: &Begun) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    let mut records: Vec<_> = begun.store.records().iter().collect();
    records.sort_by_key(|record| (record.technique_order, record.settings.transport.tls));
    for record in records {
        let name = name(record);
        match &record.result {
            TrialResult::Failed(failure) => {
                checks.push(Check::new(format!("{name}: the trial ends"), false, || failure.reason.clone()));
            }
            TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) => {
                checks.extend(counts(record, outcome));
                checks.push(histograms(&begun.store, record, outcome)?);
            }
        }
    }
    checks.push(files(begun)?);
    Ok(checks)
}

/// A technique on HTTP/1.1, or on HTTP/2 over TLS.
fn name(record: &TrialRecord) -> String {
    let over = if record.settings.transport.tls { " over TLS" } else { "" };
    format!("{}{over}", record.key.technique)
}

fn counts(record: &TrialRecord, outcome: &TrialOutcome) -> [Check; 3] {
    let (name, counts, bytes) = (name(record), &outcome.counts, &outcome.bytes);
    let once = counts.expected > 0
        && counts.delivered == counts.expected
        && (counts.lost, counts.duplicate, counts.reordered) == (0, 0, 0);
    let (up, down) = (bytes.total.up.wire(), bytes.total.down.wire());
    [
        Check::new(format!("{name}: {} events, each once and in order", counts.expected), once, || {
            format!("{counts:?}")
        }),
        Check::new(
            format!("{name}: every subscriber is greeted once"),
            counts.greetings == u64::from(record.settings.subscribers.count),
            || {
                format!(
                    "{} greetings for {} subscribers",
                    counts.greetings, record.settings.subscribers.count
                )
            },
        ),
        Check::new(
            format!(
                "{name}: the layers add up to the sockets' {} bytes",
                bytes.socket_read + bytes.socket_written
            ),
            (up, down) == (bytes.socket_written, bytes.socket_read),
            || {
                format!(
                    "{up} up and {down} down in layers, {} and {} at the sockets",
                    bytes.socket_written, bytes.socket_read
                )
            },
        ),
    ]
}

fn histograms(store: &Store, record: &TrialRecord, outcome: &TrialOutcome) -> anyhow::Result<Check> {
    let kept = store.histograms(record)?.get("delivery").map_or(0, hdrhistogram::Histogram::len);
    let delivered = outcome.counts.delivered;
    let what = format!("{}: the histogram log holds every delivered event", name(record));
    Ok(Check::new(what, kept == delivered, || format!("{kept} in the log, {delivered} delivered")))
}

fn files(begun: &Begun) -> anyhow::Result<Check> {
    let dir = begun.store.dir();
    let (again, ..) = Store::open(dir)?;
    let table = fs::read_to_string(dir.join("trials.csv")).context("read the table")?;
    let (records, rows) = (again.records().len(), table.lines().count().saturating_sub(1));
    let wanted = begun.plan.trials.len();
    Ok(Check::new(
        format!("the run's folder holds {wanted} records and as many rows"),
        (records, rows) == (wanted, wanted),
        || format!("{records} records, {rows} rows"),
    ))
}
