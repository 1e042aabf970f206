//! Reads the tables of a scenario's or a target's file. The code that asks for a key is the only list of keys: a key that was not asked for
//! is refused, with the nearest of those that were.
//!
//! A scenario's tree is changed before it is read: a sweep's value is put at its dotted path, and the quick variant is laid over the whole.
//! Every value keeps its place in the file, so a mistake in it is still shown there.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::error::{Fault, choices};
use crate::quantity::{self, QuantityError};

pub(crate) type Value<'i> = Spanned<DeValue<'i>>;

/// A table, or the empty one where the file has none.
pub(crate) struct Table<'t> {
    /// What messages call the file; only at its root.
    file: &'static str,
    path: String,
    table: Option<&'t DeTable<'t>>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t> Table<'t> {
    pub(crate) fn root(table: &'t DeTable<'t>) -> Self {
        Self::root_of("a scenario", table)
    }

    /// The root of a file that messages call `file`.
    pub(crate) fn root_of(file: &'static str, table: &'t DeTable<'t>) -> Self {
        Self { file, ..Self::new(String::new(), Some(table), 0..0) }
    }

    /// A value that has to be a table, which messages call `name`.
    pub(crate) fn of(name: &'static str, value: &'t Value<'t>) -> Result<Self, Fault> {
        let table = table(value, "a table")?;
        Ok(Self { file: name, ..Self::new(String::new(), Some(table), value.span()) })
    }

    fn new(path: String, table: Option<&'t DeTable<'t>>, span: Range<usize>) -> Self {
        Self { file: "", path, table, span, asked: RefCell::default() }
    }

    /// The table's place in the file; its start when it is not there.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(crate) fn value(&self, key: &'static str) -> Option<&'t Value<'t>> {
        self.asked.borrow_mut().push(key);
        self.table?.get(key)
    }

    pub(crate) fn read<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Value<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.value(key).map(read).transpose()
    }

    pub(crate) fn required<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Value<'_>) -> Result<T, Fault>,
        example: &str,
    ) -> Result<T, Fault> {
        self.read(key, read)?.ok_or_else(|| self.missing(key, example))
    }

    pub(crate) fn missing(&self, key: &str, example: &str) -> Fault {
        Fault::new(self.span(), format!("`{key}` is missing in {}", self.name()))
            .help(format!("write {key} = {example}"))
    }

    pub(crate) fn section(&self, key: &'static str) -> Result<Option<Table<'t>>, Fault> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        self.value(key)
            .map(|value| Ok(Table::new(path, Some(table(value, "a table")?), value.span())))
            .transpose()
    }

    pub(crate) fn section_or_empty(&self, key: &'static str) -> Result<Table<'t>, Fault> {
        Ok(self.section(key)?.unwrap_or_else(|| Table::new(key.to_owned(), None, 0..0)))
    }

    /// Refuses keys that were not asked for. Comes before what is [missing](Self::missing): a key with a typing error is both.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        let asked = self.asked.borrow();
        let unknown =
            self.table.and_then(|table| table.keys().find(|key| !asked.contains(&key.get_ref().as_ref())));
        unknown.map_or(Ok(()), |key| Err(unknown_key(key, &self.name(), &asked)))
    }

    fn name(&self) -> String {
        if self.path.is_empty() { self.file.to_owned() } else { format!("[{}]", self.path) }
    }
}

/// A key that `of` does not have, which has the `known` ones.
pub(crate) fn unknown_key(key: &Spanned<Cow<'_, str>>, of: &str, known: &[&str]) -> Fault {
    let name = key.get_ref();
    Fault::new(key.span(), format!("`{name}` is not a key of {of}")).help(choices(name, known))
}

/// A table, which messages call `expected`.
pub(crate) fn table<'t, 'i>(value: &'t Value<'i>, expected: &str) -> Result<&'t DeTable<'i>, Fault> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        other => Err(unexpected(value.span(), expected, other)),
    }
}

/// A list, which messages call `expected`.
pub(crate) fn array<'t, 'i>(value: &'t Value<'i>, expected: &str) -> Result<&'t DeArray<'i>, Fault> {
    match value.get_ref() {
        DeValue::Array(items) => Ok(items),
        other => Err(unexpected(value.span(), expected, other)),
    }
}

/// A text that `fits`; `wrong` says what it is not, and `help` what it may be.
pub(crate) fn text_that(
    value: &Value<'_>,
    fits: impl Fn(&str) -> bool,
    wrong: &str,
    help: &str,
) -> Result<String, Fault> {
    let found = text(value)?;
    if fits(&found) {
        return Ok(found);
    }
    Err(Fault::new(value.span(), format!("`{found}` {wrong}")).help(help))
}

pub(crate) fn text(value: &Value<'_>) -> Result<String, Fault> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        other => Err(unexpected(value.span(), "a text in quotes", other)),
    }
}

pub(crate) fn yes_or_no(value: &Value<'_>) -> Result<bool, Fault> {
    value.get_ref().as_bool().ok_or_else(|| unexpected(value.span(), "true or false", value.get_ref()))
}

/// A whole number from 1 to `largest`.
pub(crate) fn count(largest: u32) -> impl Fn(&Value<'_>) -> Result<u32, Fault> {
    move |value| {
        let number = value.get_ref().as_integer();
        number
            .and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok())
            .filter(|number| (1..=largest).contains(number))
            .ok_or_else(|| {
                let expected = format!("a whole number from 1 to {largest}");
                unexpected(value.span(), &expected, value.get_ref())
            })
    }
}

pub(crate) fn duration(value: &Value<'_>) -> Result<u64, Fault> {
    with_unit(value, quantity::duration_ns)
}

pub(crate) fn size(value: &Value<'_>) -> Result<u32, Fault> {
    with_unit(value, quantity::size_bytes)
}

pub(crate) fn rate(value: &Value<'_>) -> Result<f64, Fault> {
    with_unit(value, quantity::rate_per_s)
}

/// `5%`, as a share of one.
pub(crate) fn per_cent(value: &Value<'_>) -> Result<f64, Fault> {
    let found = text(value)?;
    let number = found.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    match number {
        Some(number) if (0.0..=1_000.0).contains(&number) => Ok(number / 100.0),
        _ => {
            Err(Fault::new(value.span(), format!("`{found}` is not a share"))
                .help("write \"5%\"; up to 1000%"))
        }
    }
}

fn with_unit<T>(value: &Value<'_>, parse: fn(&str) -> Result<T, QuantityError>) -> Result<T, Fault> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        other => return Err(unexpected(value.span(), "a number with a unit, in quotes", other)),
    };
    parse(text).map_err(|error| Fault::new(value.span(), error.to_string()))
}

/// One of a few words.
pub(crate) fn word<T: Copy>(words: &[(&'static str, T)]) -> impl Fn(&Value<'_>) -> Result<T, Fault> {
    move |value| {
        let found = text(value)?;
        words.iter().find(|(word, _)| *word == found).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            Fault::new(value.span(), format!("`{found}` is not known here")).help(choices(&found, &allowed))
        })
    }
}

/// What messages call a list of values.
pub(crate) const LIST: &str = "a list in square brackets";

pub(crate) fn list<T>(
    read: impl Fn(&Value<'_>) -> Result<T, Fault>,
) -> impl Fn(&Value<'_>) -> Result<Vec<T>, Fault> {
    move |value| array(value, LIST)?.iter().map(&read).collect()
}

/// A value as the file's author wrote it, without quotes.
pub(crate) fn as_written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

pub(crate) fn unexpected(span: Range<usize>, expected: &str, found: &DeValue<'_>) -> Fault {
    let found = match found {
        DeValue::String(text) => format!("the text \"{text}\""),
        DeValue::Array(_) | DeValue::Table(_) => as_written(found),
        other => format!("`{}`", as_written(other)),
    };
    Fault::new(span, format!("expected {expected}, found {found}"))
}

/// Puts `value` at `path`; tables on the way that are not there come into being.
pub(super) fn set<'i>(tree: &mut DeTable<'i>, path: &Spanned<String>, value: Value<'i>) -> Result<(), Fault> {
    let mut parts: Vec<&str> = path.get_ref().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut table = tree;
    for part in parts {
        table = descend(table, part, path.span())?;
    }
    table.insert(key(last, path.span()), value);
    Ok(())
}

fn descend<'t, 'i>(
    table: &'t mut DeTable<'i>,
    part: &str,
    span: Range<usize>,
) -> Result<&'t mut DeTable<'i>, Fault> {
    let empty = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
    match table.entry(key(part, span.clone())).or_insert_with(empty).get_mut() {
        DeValue::Table(table) => Ok(table),
        other => Err(unexpected(span, &format!("`{part}` to be a table"), other)),
    }
}

/// Lays `over` upon `tree`: tables are joined, everything else is replaced.
pub(super) fn merge<'i>(tree: &mut DeTable<'i>, over: &DeTable<'i>) {
    for (key, value) in over {
        match (tree.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.get_ref()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => merge(below, above),
            _ => {
                tree.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Where the file says what stands at `path`, or else the nearest table above it; the file's start if none is there.
pub(super) fn span_of(tree: &DeTable<'_>, path: &str) -> Range<usize> {
    let mut table = tree;
    let mut span = 0..0;
    for part in path.split('.') {
        let Some(value) = table.get(part) else { break };
        span = value.span();
        match value.get_ref() {
            DeValue::Table(below) => table = below,
            _ => break,
        }
    }
    span
}

/// Whether the file, or a sweep, says what stands at `path`.
pub(super) fn holds(tree: &DeTable<'_>, path: &str) -> bool {
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut below = table.split('.').filter(|part| !part.is_empty());
    let table = below.try_fold(tree, |table, part| table.get(part)?.get_ref().as_table());
    table.is_some_and(|table| table.contains_key(key))
}

fn key<'i>(part: &str, span: Range<usize>) -> Spanned<Cow<'i, str>> {
    Spanned::new(span, Cow::Owned(part.to_owned()))
}
