//! `pushbench verify`: the smoke scenario in real processes, and whether counts and files are right. No times: a machine
//! that is slow or busy passes as well.

use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use model::trial::{Counts, TrialOutcome, TrialResult};

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
    fn new(what: String, holds: bool, found: String) -> Self {
        Self { what, fault: (!holds).then_some(found) }
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
        // A technique on HTTP/1.1, or on HTTP/2 over TLS.
        let over = if record.settings.transport.tls { " over TLS" } else { "" };
        let name = format!("{}{over}", record.key.technique);
        match &record.result {
            TrialResult::Failed(failure) => {
                checks.push(Check::new(format!("{name}: the trial ends"), false, failure.reason.clone()));
            }
            TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) => {
                let kept = begun.store.histograms(record)?.get("delivery").map_or(0, Histogram::len);
                checks.extend(of_trial(&name, record.settings.subscribers.count, outcome, kept));
            }
        }
    }
    checks.push(files(begun)?);
    Ok(checks)
}

/// `kept` is how many deliveries the histogram log holds.
fn of_trial(name: &str, subscribers: u32, outcome: &TrialOutcome, kept: u64) -> [Check; 4] {
    let (counts, bytes) = (&outcome.counts, &outcome.bytes);
    let Counts { expected, delivered, greetings, .. } = *counts;
    let is_once = expected > 0
        && delivered == expected
        && (counts.lost, counts.duplicate, counts.reordered) == (0, 0, 0);
    let layers = (bytes.total.up.wire(), bytes.total.down.wire());
    let sockets = (bytes.socket_written, bytes.socket_read);
    [
        Check::new(
            format!("{name}: {expected} events, each once and in order"),
            is_once,
            format!("{counts:?}"),
        ),
        Check::new(
            format!("{name}: every subscriber is greeted once"),
            greetings == u64::from(subscribers),
            format!("{greetings} greetings for {subscribers} subscribers"),
        ),
        Check::new(
            format!("{name}: the layers add up to the sockets' {} bytes", sockets.0 + sockets.1),
            layers == sockets,
            format!("{layers:?} up and down in layers, {sockets:?} at the sockets"),
        ),
        Check::new(
            format!("{name}: the histogram log holds every delivered event"),
            kept == delivered,
            format!("{kept} in the log, {delivered} delivered"),
        ),
    ]
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
        format!("{records} records, {rows} rows"),
    ))
}
