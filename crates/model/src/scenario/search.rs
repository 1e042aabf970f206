//! The search for a capacity, as a scenario file describes it.

use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::reader::{Table, Value, list, per_cent, rate};

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
