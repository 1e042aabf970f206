//! Names of figures: `scenario/technique/metric`, `scenario/technique/metric/other-technique` for a ratio, and
//! `scenario[key=value,…]/…` for one point of a sweep. A ratio to `key=value` is
//! that to the same technique there. `technique@target` is that of a server that others wrote, and a ratio to `own` that to pushbench's
//! own. Names hold no run, so that they survive new ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::scenario::nearest_first;
use thiserror::Error;

use crate::catalogue::{Metric, known_metrics, metric};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Point};
use crate::numbers;
use crate::search::Side;

/// Which figure is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureName {
    pub scenario: String,
    /// Values of swept keys, as many as tell the point from others.
    pub at: BTreeMap<String, String>,
    /// The technique's slug.
    pub technique: String,
    /// The metric's key.
    pub metric: String,
    /// The technique that it is divided by; none for the figure itself.
    pub to: Option<String>,
}

/// A figure that was found.
#[derive(Debug)]
pub struct Figure<'e> {
    pub point: &'e Point,
    pub metric: &'static Metric,
    /// The point that it is divided by; none for the figure itself.
    pub to: Option<&'e Point>,
    /// Its value.
    pub estimate: Estimate,
    /// Whether that is only a bound.
    pub side: Side,
}

/// Why there is no figure.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FigureError {
    /// The name has another form.
    #[error(
        "`{0}` is not a figure's name: write scenario/technique/metric, or scenario/technique/metric/other-technique for a ratio"
    )]
    Form(String),
    /// No such metric, scenario or technique.
    #[error("there is no {what} `{name}`; there are: {known}")]
    Unknown {
        /// Which of them.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// All names; the nearest first, or metrics in the order of the catalogue.
        known: String,
    },
    /// No such point.
    #[error("{0} was not measured, or is not one point only; points: {1}")]
    Point(String, String),
    /// No search for its capacity.
    #[error("no search for the capacity of {0} was run; searched scenarios: {1}")]
    Search(String, String),
    /// The point has no such figure.
    #[error("{0} has no value: its trials did not measure it, or too few events bound it")]
    NoValue(String),
}

impl FigureName {
    /// Reads a name.
    /// Fails when it has another form.
    pub fn parse(text: &str) -> Result<Self, FigureError> {
        let form = || FigureError::Form(text.to_owned());
        let (scenario, rest) = match text.split_once('[') {
            Some((scenario, rest)) => {
                let (at, rest) = rest.split_once("]/").ok_or_else(form)?;
                ((scenario, at), rest)
            }
            None => {
                let (scenario, rest) = text.split_once('/').ok_or_else(form)?;
                ((scenario, ""), rest)
            }
        };
        let parts: Vec<&str> = rest.splitn(3, '/').collect();
        let mut at: BTreeMap<String, String> = BTreeMap::new();
        let mut last = None;
        for part in scenario.1.split(',').filter(|part| !part.is_empty()) {
            match (part.split_once('='), last.as_ref().and_then(|key| at.get_mut(key))) {
                (Some((key, value)), _) => {
                    last = Some(key.to_owned());
                    at.insert(key.to_owned(), value.to_owned());
                }
                // A value may hold a comma.
                (None, Some(value)) => *value += &format!(",{part}"),
                (None, None) => return Err(form()),
            }
        }
        let (technique, metric, to) = match parts.as_slice() {
            [technique, metric] => (technique, metric, None),
            [technique, metric, to] if !to.contains('/') || to.contains('=') => {
                (technique, metric, Some((*to).to_owned()))
            }
            _ => return Err(form()),
        };
        Ok(Self {
            scenario: scenario.0.to_owned(),
            at,
            technique: (*technique).to_owned(),
            metric: (*metric).to_owned(),
            to,
        })
    }

    /// Finds it among the evidence.
    /// Fails when there is no such metric, point or value.
    pub fn find<'e>(&self, evidence: &'e Evidence) -> Result<Figure<'e>, FigureError> {
        let metric = metric(&self.metric).ok_or_else(|| FigureError::Unknown {
            what: "metric",
            name: self.metric.clone(),
            known: known_metrics(),
        })?;
        let find = if metric.key == "capacity" { Evidence::search } else { Evidence::point };
        let point = |technique: &str| {
            let found = match technique.split_once('@') {
                Some((technique, target)) => evidence.of_scenario(&self.scenario).find(|point| {
                    point.target.as_deref() == Some(target)
                        && point.is_at(technique, &self.at)
                        && point.is_search == (metric.key == "capacity")
                }),
                None => find(evidence, &self.scenario, technique, &self.at),
            };
            found.ok_or_else(|| self.why_no_point(evidence, technique))
        };
        let no_value = || FigureError::NoValue(self.to_string());
        let own = point(&self.technique)?;
        let to = match self.to.as_deref() {
            // The same technique elsewhere.
            Some(to) if to.contains('=') || to == "own" => {
                Some(evidence.beside(own, to).ok_or_else(no_value)?)
            }
            to => to.map(point).transpose()?,
        };
        let estimate = match to {
            Some(to) => evidence.ratio(own, to, metric),
            None => evidence.estimate(own, metric),
        };
        Ok(Figure {
            side: evidence.side(own, to, metric).ok_or_else(no_value)?,
            point: own,
            metric,
            to,
            estimate: estimate.ok_or_else(no_value)?,
        })
    }

    fn why_no_point(&self, evidence: &Evidence, technique: &str) -> FigureError {
        let scenarios: BTreeSet<&str> = evidence.points.iter().map(|point| &*point.scenario).collect();
        if !scenarios.contains(&*self.scenario) {
            return unknown("measured scenario", &self.scenario, scenarios);
        }
        let slug = technique.split('@').next().unwrap_or(technique);
        let slugs: BTreeSet<&str> = evidence.points.iter().map(|point| &*point.technique).collect();
        if !slugs.contains(slug) {
            return unknown("measured technique", slug, slugs);
        }
        let name = |point: &Point| {
            let target = point.target.as_ref().map_or_else(String::new, |target| format!("@{target}"));
            format!("{}{}{target}", at(&point.at).trim_start_matches('/'), point.technique)
        };
        let own = format!("{}{}{technique}", self.scenario, at(&self.at));
        let is_search = self.metric == "capacity";
        let comparable = |point: &&Point| point.is_search == is_search;
        let mut points: Vec<String> =
            evidence.of_scenario(&self.scenario).filter(comparable).map(name).collect();
        points.dedup();
        if is_search && points.is_empty() {
            let searched = evidence.points.iter().filter(comparable).map(|point| &*point.scenario);
            let scenarios: Vec<&str> = searched.collect::<BTreeSet<_>>().into_iter().collect();
            let scenarios = if scenarios.is_empty() { "none".to_owned() } else { scenarios.join(", ") };
            return FigureError::Search(own, scenarios);
        }
        FigureError::Point(own, points.join(", "))
    }
}

fn unknown<'n>(what: &'static str, name: &str, known: impl IntoIterator<Item = &'n str>) -> FigureError {
    FigureError::Unknown { what, name: name.to_owned(), known: nearest_first(name, known) }
}

/// What tells a point of a sweep from others, and the slash before the technique.
pub(crate) fn at(at: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = at.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "/".to_owned() } else { format!("[{}]/", pairs.join(",")) }
}

impl fmt::Display for FigureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}/{}", self.scenario, at(&self.at), self.technique, self.metric)?;
        self.to.iter().try_for_each(|to| write!(f, "/{to}"))
    }
}

impl Figure<'_> {
    /// The figure with its interval and its unit.
    pub fn text(&self) -> String {
        match self.to {
            Some(_) => format!("{}{}", self.side.words(), numbers::show_ratio(self.estimate)),
            None => format!("{}{}", self.side.words(), numbers::show(self.metric.unit, self.estimate)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in [
            "chat/websocket/cpu",
            "chat/long-polling/cpu/websocket",
            "bytes-against-rate[events.rate=10/s]/websocket/bytes",
            "transport-cost[transport=HTTP/2 + TLS, shared]/websocket/cpu/transport=HTTP/1.1",
        ] {
            assert_eq!(FigureName::parse(text).map(|name| name.to_string()).as_deref(), Ok(text));
        }
        for text in ["chat", "chat/websocket", "chat[a=b/websocket/cpu", "a/b/c/d/e", "a[b]/c/d"] {
            assert_eq!(FigureName::parse(text), Err(FigureError::Form(text.to_owned())));
        }
    }
}
