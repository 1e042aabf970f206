//! The tables of a scenario file that are about limits: scale, search, and what goes wrong on purpose.

use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::reader::{Table, Value, count, duration, list, per_cent, rate, text, word};
use crate::settings::{Backoff, Coalescing, Counter, Processes, Restart, SlowConsumers};

const MOST_PROCESSES: u32 = 16;
const MOST_RETAINED: u32 = 10_000_000;
const PRECISION: f64 = 0.05;
const MOST_PER_S: f64 = 1e6;

/// How the highest rate that passes is searched for: doubled from the first one until it fails, then halved in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The first rate per channel that is tried, events per second.
    pub from_per_s: f64,
    /// It ends when the lowest rate that failed is so close to the highest that passed, relative to that.
    pub precision: f64,
    /// No higher rate is tried.
    pub most_per_s: f64,
    /// Shares of the capacity that was found, at which the technique is run behind the search.
    pub then: Vec<f64>,
}

pub(super) fn search(root: &Table<'_>) -> Result<Option<Search>, Fault> {
    let Some(table) = root.section("search")? else { return Ok(None) };
    let search = Search {
        from_per_s: table.required("from", rate, "\"1000/s\"")?,
        precision: table.read("precision", per_cent)?.unwrap_or(PRECISION),
        most_per_s: table.read("most", rate)?.unwrap_or(MOST_PER_S),
        then: table.read("then", shares)?.unwrap_or_default(),
    };
    let at = table.span();
    table.finish()?;
    if search.from_per_s > 0.0 && search.from_per_s <= search.most_per_s && search.precision > 0.0 {
        return Ok(Some(search));
    }
    Err(Fault::new(at, "a search that cannot find anything").help(
        "from is above 0 and not above most, precision is above 0: from = \"1000/s\", precision = \"5%\"",
    ))
}

/// Shares of the capacity: each has a trial, so none can be 0, and none stands there twice.
fn shares(value: &Value<'_>) -> Result<Vec<f64>, Fault> {
    let shares = list(per_cent)(value)?;
    let twice = shares.iter().enumerate().any(|(i, share)| shares[..i].contains(share));
    if twice || shares.contains(&0.0) {
        return Err(Fault::new(
            value.span(),
            "shares of the capacity are above 0%, and each stands there once",
        )
        .help("write then = [\"50%\", \"100%\", \"150%\"]"));
    }
    Ok(shares)
}

pub(super) fn restart(root: &Table<'_>) -> Result<Option<Restart>, Fault> {
    let Some(table) = root.section("restart")? else { return Ok(None) };
    let backoffs = word(&[("none", Backoff::None), ("jittered", Backoff::Jittered)]);
    let restart = Restart {
        at_ns: table.required("at", duration, "\"500ms\"")?,
        backoff: table.read("backoff", backoffs)?.unwrap_or(Backoff::None),
    };
    table.finish()?;
    Ok(Some(restart))
}

pub(super) fn slow_consumers(root: &Table<'_>) -> Result<Option<SlowConsumers>, Fault> {
    let Some(table) = root.section("slow_consumers")? else { return Ok(None) };
    let slow_consumers = SlowConsumers {
        share: table.required("share", per_cent, "\"1%\"")?,
        reads_bytes_per_s: table.read("reads", speed)?.unwrap_or(0),
        idle_timeout_ns: table.read("idle_timeout", duration)?.unwrap_or(SlowConsumers::IDLE_TIMEOUT_NS),
        retained_events: table
            .read("retained", count(MOST_RETAINED))?
            .unwrap_or(SlowConsumers::RETAINED_EVENTS),
    };
    table.finish()?;
    Ok(Some(slow_consumers))
}

pub(super) fn coalescing(root: &Table<'_>) -> Result<Coalescing, Fault> {
    let table = root.section_or_empty("coalescing")?;
    let coalescing = Coalescing { window_ns: table.read("window", duration)?.unwrap_or(0) };
    table.finish()?;
    Ok(coalescing)
}

pub(super) fn processes(root: &Table<'_>) -> Result<Processes, Fault> {
    let (table, plain) = (root.section_or_empty("processes")?, Processes::default());
    let processes = Processes {
        server: table.read("server", count(MOST_PROCESSES))?.unwrap_or(plain.server),
        load: table.read("load", count(MOST_PROCESSES))?.unwrap_or(plain.load),
        cpu_contention: table.read("cpu_contention", count(MOST_PROCESSES))?.unwrap_or(plain.cpu_contention),
    };
    table.finish()?;
    Ok(processes)
}

pub(super) fn counted(root: &Table<'_>) -> Result<Option<Counter>, Fault> {
    let counters = word(&[
        ("nothing", None),
        ("instructions", Some(Counter::Instructions)),
        ("system-calls", Some(Counter::SystemCalls)),
    ]);
    Ok(root.read("counted", counters)?.flatten())
}

/// `never`, or `4 KiB/s`.
fn speed(value: &Value<'_>) -> Result<u32, Fault> {
    let found = text(value)?;
    if found == "never" {
        return Ok(0);
    }
    let Some(amount) = found.strip_suffix("/s") else {
        return Err(Fault::new(value.span(), format!("`{found}` is not a speed"))
            .help("write \"4 KiB/s\", or \"never\""));
    };
    let bytes = crate::quantity::size_bytes(amount.trim_end());
    bytes.map_err(|error| Fault::new(value.span(), error.to_string()))
}
