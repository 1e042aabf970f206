//! A scenario: a question as a TOML file. A [`Scenario`] that exists can be run.
//!
//! A file has the keys below, and those of a trial's settings: `keys.rs` is the list of them, with what each may be, and the
//! documentation of [`Settings`] has what they mean.
//!
//! ```toml
//! question = "What does a quote of a busy stock cost to deliver?"
//! reading = "Look at p99 first …"
//! techniques = []                # the slugs; empty or left out for all
//! repetitions = 5
//! runs = "by-default"            # by-default, capacity (with --capacity), when-named (only when it is asked for by name)
//! targets = []                   # names of files in the folder targets, measured beside our own
//! [events]                       # a section of the settings
//! rate = "100/s"
//! [search]                       # left out: the rate is given; with it, the highest one within the bound is searched for
//! from = "1000/s"                # instead of events.rate
//! precision = "5%"
//! most = "1000000/s"
//! then = ["50%", "100%", "150%"] # runs at these shares of it
//! [[sweep]]                      # several multiply
//! key = "short_polling.interval"
//! values = ["10ms", "100ms"]
//! techniques = ["short-polling"] # the others run once, at the file's own value
//! with = { "phases.window" = ["1s", "2s"], repetitions = [5, 1] }   # what changes along; `search.from` may, too
//! [[sweep]]
//! name = "transport"             # instead of a key: the values are names for what `with` sets
//! values = ["plain", "TLS"]
//! with = { "transport.tls" = [false, true] }
//! [quick]                        # laid over all this under --quick; its sweeps replace the others
//! phases.window = "500ms"
//! ```

mod check;
pub(crate) mod error;
mod keys;
pub(crate) mod reader;
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::settings::Settings;
use error::Fault;
use reader::{Table, Value, count, list, per_cent, rate, text, word};
use sweep::{Choice, NOT_SWEPT, Sweep, combinations, technique};

pub use self::check::{LARGEST_PAYLOAD_BYTES, SMALLEST_CHAT_BYTES, SMALLEST_JSON_BYTES};
pub use self::error::{ScenarioError, nearest_first};

const MOST_REPETITIONS: u32 = 1_000;
const MOST_POINTS: usize = 1_000;

/// A question that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name: the file's, unless the file says otherwise.
    pub name: String,
    pub question: String,
    /// How to read the answer.
    pub reading: String,
    /// Who takes part; empty for all.
    pub techniques: Vec<String>,
    pub repetitions: u32,
    /// Servers that somebody else wrote and that take part, too: names of files in the folder `targets`.
    pub targets: Vec<String>,
    pub runs: Runs,
    /// The swept keys, outermost first.
    pub sweeps: Vec<String>,
    /// What is run, in the order of the sweeps' values; one point without a sweep.
    pub points: Vec<Point>,
    /// The file's text.
    pub text: String,
}

/// When a scenario is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// Whenever no scenario is named.
    ByDefault,
    /// With those that look for limits.
    Capacity,
    /// Only when it is asked for by name.
    WhenNamed,
}

/// One combination of the swept keys' values.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The swept keys' values as written. A key that a technique does not sweep is not there.
    pub values: BTreeMap<String, String>,
    pub settings: Settings,
    /// Who runs this point; empty for all of the scenario's.
    pub techniques: Vec<String>,
    pub repetitions: u32,
    /// How its rate is searched for; none when the settings give it.
    pub search: Option<Search>,
}

/// How much of a scenario is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// As the file says.
    Full,
    /// With the file's `[quick]` laid over it.
    Quick,
}

impl Scenario {
    /// Reads a scenario from `text`. `file` is how messages name it, `name` the scenario's name if the file gives none,
    /// `known` the slugs of all techniques in order. The variant that is not asked for is checked, too.
    /// Fails at the first mistake, with its place and what is allowed.
    pub fn parse(
        text: &str,
        file: &str,
        name: &str,
        known: &[&str],
        extent: Extent,
    ) -> Result<Self, ScenarioError> {
        let parse = |extent| parse(text, name, known, extent).map_err(|fault| fault.locate(file, text));
        let (full, quick) = (parse(Extent::Full)?, parse(Extent::Quick)?);
        Ok(match extent {
            Extent::Full => full,
            Extent::Quick => quick,
        })
    }
}

/// The settings that differ from the default ones by these keys and values, each written as in a scenario file, without
/// quotes. They are checked as a scenario's.
/// Fails at the first mistake, with what is allowed.
pub fn settings_from(pairs: &[(String, String)]) -> Result<Settings, ScenarioError> {
    let text = keys::assignments(pairs);
    let read = || {
        let tree = DeTable::parse(&text)?.into_inner();
        let settings = keys::settings(&tree, &[])?;
        let mut checked = settings.clone();
        if !reader::holds(&tree, "events.rate") {
            // A server by itself sends what comes: there is no rate to give.
            checked.events.rate_per_s = 1.0;
        }
        check::settings(&checked, &tree)?;
        Ok(settings)
    };
    read().map_err(|fault: Fault| fault.locate("--set", &text))
}

fn parse(source: &str, name: &str, known: &[&str], extent: Extent) -> Result<Scenario, Fault> {
    let mut tree = DeTable::parse(source)?.into_inner();
    if let (Some(quick), Extent::Quick) = (quick(&tree)?, extent) {
        reader::merge(&mut tree, &quick);
    }
    // Before what is missing: a key with a typing error is both.
    keys::refuse_unknown(&tree, &NOT_SWEPT)?;
    let root = Table::root(&tree);
    let techniques = root.read("techniques", list(technique(known)))?.unwrap_or_default();
    let sweeps = sweep::read_all(tree.get("sweep"), known)?;
    let participants: Vec<&str> = known
        .iter()
        .copied()
        .filter(|slug| techniques.is_empty() || techniques.iter().any(|t| t == slug))
        .collect();
    let runs = word(&[
        ("by-default", Runs::ByDefault),
        ("capacity", Runs::Capacity),
        ("when-named", Runs::WhenNamed),
    ]);
    Ok(Scenario {
        name: root.read("name", text)?.map_or_else(|| file_name(name), |name| own_name(&tree, name))?,
        runs: root.read("runs", runs)?.unwrap_or(Runs::ByDefault),
        question: root.required("question", text, "\"What does … cost?\"")?,
        reading: root.required("reading", text, "\"Look at … first.\"")?,
        repetitions: repetitions(&tree)?,
        targets: root.read("targets", list(text))?.unwrap_or_default(),
        sweeps: sweeps.iter().map(|sweep| sweep.key.get_ref().clone()).collect(),
        points: points(&tree, &sweeps, &participants)?,
        techniques,
        text: source.to_owned(),
    })
}

fn quick<'i>(tree: &DeTable<'i>) -> Result<Option<DeTable<'i>>, Fault> {
    let Some(value) = tree.get("quick") else { return Ok(None) };
    let quick = reader::table(value, "a table")?;
    match quick.get_key_value("quick") {
        None => Ok(Some(quick.clone())),
        Some((key, _)) => Err(Fault::new(key.span(), "[quick] within [quick]")),
    }
}

fn own_name(tree: &DeTable<'_>, name: String) -> Result<String, Fault> {
    if is_name(&name) {
        return Ok(name);
    }
    Err(Fault::new(reader::span_of(tree, "name"), format!("`{name}` cannot be a scenario's name"))
        .help(NAMES))
}

fn file_name(stem: &str) -> Result<String, Fault> {
    if is_name(stem) {
        return Ok(stem.to_owned());
    }
    Err(Fault::new(0..0, format!("the file's name, `{stem}`, cannot be a scenario's name"))
        .help(format!("rename the file, or write name = \"my-scenario\" into it: {NAMES}")))
}

const NAMES: &str = "up to 40 small letters, digits and hyphens, such as \"stock-ticker\"";

/// A name goes into file names.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 40 && name.chars().all(fits)
}

fn points(tree: &DeTable<'_>, sweeps: &[Sweep<'_>], participants: &[&str]) -> Result<Vec<Point>, Fault> {
    let all: usize = sweeps.iter().map(|sweep| sweep.values.len() + 1).product();
    if all > MOST_POINTS {
        return Err(Fault::new(
            reader::span_of(tree, "sweep"),
            format!("the sweeps multiply to about {all} points"),
        )
        .help(format!("at most {MOST_POINTS} can be run")));
    }
    let mut points = Vec::new();
    for choice in combinations(sweeps) {
        let techniques: Vec<&str> =
            participants.iter().copied().filter(|technique| runs(sweeps, &choice, technique)).collect();
        if !techniques.is_empty() {
            points.push(point(tree, sweeps, &choice, &techniques, participants)?);
        }
    }
    Ok(points)
}

/// A technique runs a point when each sweep that is meant for it gives a value, and the others don't.
fn runs(sweeps: &[Sweep<'_>], choice: &Choice, technique: &str) -> bool {
    sweeps.iter().zip(choice).all(|(sweep, value)| sweep.takes(technique) == value.is_some())
}

fn point(
    tree: &DeTable<'_>,
    sweeps: &[Sweep<'_>],
    choice: &Choice,
    techniques: &[&str],
    participants: &[&str],
) -> Result<Point, Fault> {
    let mut tree = tree.clone();
    let mut values = BTreeMap::new();
    for (sweep, value) in sweeps.iter().zip(choice).filter_map(|(sweep, value)| Some((sweep, (*value)?))) {
        sweep.apply(value, &mut tree)?;
        values.insert(sweep.key.get_ref().clone(), sweep.written(value));
    }
    let search = search(&Table::root(&tree))?;
    let mut settings = keys::settings(&tree, &NOT_SWEPT)?;
    if let Some(search) = &search {
        check::search(&settings, &tree)?;
        settings.events.rate_per_s = search.from_per_s;
    }
    check::settings(&settings, &tree)?;
    check::warm_up(&settings, techniques, &tree)?;
    let restricted = techniques.len() < participants.len();
    let techniques = techniques.iter().filter(|_| restricted).map(|&slug| slug.to_owned()).collect();
    Ok(Point { values, settings, techniques, repetitions: repetitions(&tree)?, search })
}

/// How often trials are repeated: the scenario's, or what a sweep puts in its place.
fn repetitions(tree: &DeTable<'_>) -> Result<u32, Fault> {
    Ok(Table::root(tree).read("repetitions", count(MOST_REPETITIONS))?.unwrap_or(5))
}

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
    let (from, precision) = (table.required("from", rate, "\"1000/s\""), table.read("precision", per_cent)?);
    let (most, then) = (table.read("most", rate)?, table.read("then", shares)?);
    table.finish()?;
    let search = Search {
        from_per_s: from?,
        precision: precision.unwrap_or(PRECISION),
        most_per_s: most.unwrap_or(MOST_PER_S),
        then: then.unwrap_or_default(),
    };
    if search.from_per_s > 0.0 && search.from_per_s <= search.most_per_s && search.precision > 0.0 {
        return Ok(Some(search));
    }
    Err(Fault::new(table.span(), "a search that cannot find anything").help(
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
