//! Sweeps: which key takes which values, and for whom.
//!
//! Several sweeps multiply. A technique that a sweep leaves out runs once there, at the file's own value. A sweep of
//! variants has a name instead of a key: its values are names, too, and what they mean stands in `with`.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, choices};
use super::reader::set;
use super::reader::{LIST, Table, Value, array, as_written, list, table, text, text_that, unexpected};

/// Keys that say what a scenario is, not settings of a trial.
pub(super) const NOT_SWEPT: [&str; 10] = [
    "name",
    "runs",
    "question",
    "reading",
    "techniques",
    "targets",
    "repetitions",
    "sweep",
    "search",
    "quick",
];

/// One `[[sweep]]`.
pub(super) struct Sweep<'i> {
    pub(super) key: Spanned<String>,
    pub(super) values: Vec<Value<'i>>,
    kind: Kind,
    /// Who takes all values; everybody when empty.
    pub(super) techniques: Vec<String>,
    along: Vec<Along<'i>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Values,
    /// Names for what goes along with them.
    Variants,
}

/// Another key that changes with the swept one, value by value.
struct Along<'i> {
    key: Spanned<String>,
    values: Vec<Value<'i>>,
}

pub(super) fn read_all<'i>(value: Option<&'i Value<'i>>, known: &[&str]) -> Result<Vec<Sweep<'i>>, Fault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let tables = array(value, "[[sweep]] in double brackets")?;
    let sweeps: Vec<_> = tables.iter().map(|table| read(table, known)).collect::<Result<_, _>>()?;
    for (i, sweep) in sweeps.iter().enumerate() {
        if sweeps[..i].iter().any(|earlier| earlier.key == sweep.key) {
            return Err(Fault::new(sweep.key.span(), format!("`{}` is swept twice", sweep.key.get_ref()))
                .help("put all of its values into one sweep"));
        }
    }
    Ok(sweeps)
}

fn read<'i>(value: &'i Value<'i>, known: &[&str]) -> Result<Sweep<'i>, Fault> {
    let table = Table::of("[[sweep]]", value)?;
    let with = table.value("with");
    let named = (table.read("key", swept_key)?, table.read("name", variants_name)?);
    let values = table.value("values");
    let techniques = table.read("techniques", list(technique(known)))?.unwrap_or_default();
    table.finish()?;
    let (key, kind) = subject(&table, named, with.is_some())?;
    let values = scalars(values.ok_or_else(|| table.missing("values", "[\"10ms\", \"100ms\"]"))?)?;
    let along = with.map_or(Ok(Vec::new()), |with| along(with, values.len()))?;
    Ok(Sweep { key, kind, along, values, techniques })
}

/// What is swept: a key, or variants by name.
fn subject(
    table: &Table<'_>,
    named: (Option<Spanned<String>>, Option<Spanned<String>>),
    has_with: bool,
) -> Result<(Spanned<String>, Kind), Fault> {
    match named {
        (Some(key), None) => Ok((key, Kind::Values)),
        (None, Some(name)) if has_with => Ok((name, Kind::Variants)),
        (None, Some(_)) => Err(table.missing("with", "{ \"transport.tls\" = [false, true] }")),
        (None, None) => Err(table.missing("key", "\"short_polling.interval\"")),
        (Some(_), Some(name)) => Err(Fault::new(name.span(), "a sweep has a key or a name, not both")
            .help("take the name out, or the key if only `with` gives the values a meaning")),
    }
}

fn swept_key(value: &Value<'_>) -> Result<Spanned<String>, Fault> {
    settable(text(value)?, value.span())
}

/// A name cannot be taken for the path of a setting.
fn variants_name(value: &Value<'_>) -> Result<Spanned<String>, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-');
    let name = text_that(
        value,
        |name| (1..=40).contains(&name.len()) && name.chars().all(fits),
        "cannot be a sweep's name",
        "up to 40 letters, digits, spaces and hyphens, such as \"transport\"",
    )?;
    settable(name, value.span())
}

fn settable(key: String, span: Range<usize>) -> Result<Spanned<String>, Fault> {
    let first = key.split('.').next().unwrap_or_default();
    if NOT_SWEPT.contains(&first) {
        return Err(Fault::new(span, format!("`{key}` cannot be swept"))
            .help("a sweep changes a setting of a trial, such as events.rate or http.headers"));
    }
    Ok(Spanned::new(span, key))
}

/// Beside what can be swept, a point can have repetitions and a search of its own.
fn goes_along(key: String, span: Range<usize>) -> Result<Spanned<String>, Fault> {
    let is_of_a_point = key == "repetitions" || key.starts_with("search.");
    if is_of_a_point { Ok(Spanned::new(span, key)) } else { settable(key, span) }
}

fn scalars<'i>(value: &'i Value<'i>) -> Result<Vec<Value<'i>>, Fault> {
    let values = single_values(value)?;
    for (i, item) in values.iter().enumerate() {
        let written = as_written(item.get_ref());
        if values[..i].iter().any(|earlier| as_written(earlier.get_ref()) == written) {
            return Err(
                Fault::new(item.span(), format!("`{written}` is there twice")).help("take one of them out")
            );
        }
    }
    if values.is_empty() {
        return Err(Fault::new(value.span(), "a sweep without values")
            .help("give at least one, or leave the sweep out"));
    }
    Ok(values)
}

/// A list without lists or tables in it.
fn single_values<'i>(value: &'i Value<'i>) -> Result<Vec<Value<'i>>, Fault> {
    let items = array(value, LIST)?;
    match items.iter().find(|item| matches!(item.get_ref(), DeValue::Array(_) | DeValue::Table(_))) {
        Some(item) => Err(unexpected(item.span(), "a single value", item.get_ref())),
        None => Ok(items.iter().cloned().collect()),
    }
}

/// `with = { "phases.window" = ["1s", "2s"] }`: as many values as the sweep has, which may repeat.
fn along<'i>(with: &'i Value<'i>, wanted: usize) -> Result<Vec<Along<'i>>, Fault> {
    let along = |(key, list): (&Spanned<Cow<'_, str>>, &'i Value<'i>)| {
        let values = single_values(list)?;
        if values.len() != wanted {
            return Err(Fault::new(list.span(), format!("{} values go along with {wanted}", values.len()))
                .help("give one for each value of the sweep"));
        }
        Ok(Along { key: goes_along(key.get_ref().to_string(), key.span())?, values })
    };
    table(with, "a table of keys and lists of values")?.iter().map(along).collect()
}

/// A technique's slug, out of those that are known.
pub(super) fn technique(known: &[&str]) -> impl Fn(&Value<'_>) -> Result<String, Fault> {
    move |value| {
        let found = text(value)?;
        if known.contains(&found.as_str()) {
            return Ok(found);
        }
        Err(Fault::new(value.span(), format!("`{found}` is not a technique")).help(choices(&found, known)))
    }
}

impl<'i> Sweep<'i> {
    /// Whether this technique takes all values.
    pub(super) fn takes(&self, technique: &str) -> bool {
        self.techniques.is_empty() || self.techniques.iter().any(|slug| slug == technique)
    }

    /// Puts value number `i` into the tree, and what goes along with it.
    pub(super) fn apply(&self, i: usize, tree: &mut DeTable<'i>) -> Result<(), Fault> {
        for along in &self.along {
            set(tree, &along.key, along.values[i].clone())?;
        }
        match self.kind {
            Kind::Values => set(tree, &self.key, self.values[i].clone()),
            Kind::Variants => Ok(()),
        }
    }

    pub(super) fn written(&self, i: usize) -> String {
        as_written(self.values[i].get_ref())
    }
}

/// What each sweep does at a point: its value's number, or none for the file's own value.
pub(super) type Choice = Vec<Option<usize>>;

/// Every combination in order, the first sweep outermost; those that no technique runs included.
pub(super) fn combinations(sweeps: &[Sweep<'_>]) -> Vec<Choice> {
    sweeps.iter().fold(vec![Vec::new()], |points, sweep| {
        let own = (!sweep.techniques.is_empty()).then_some(None);
        let choices: Vec<_> = (0..sweep.values.len()).map(Some).chain(own).collect();
        points
            .iter()
            .flat_map(|point| choices.iter().map(|choice| [point.clone(), vec![*choice]].concat()))
            .collect()
    })
}
