//! Changes to the tree of a scenario file before it is read: a sweep's value put at its dotted path, and the quick
//! variant laid over the whole. Every value keeps its place in the file, so a mistake in it is still shown there.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Fault;
use super::reader::{Value, unexpected};

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
