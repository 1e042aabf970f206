//! Tables of figures, as Markdown: a row for each point, or a row for each technique and a column for each value of a swept key.

use model::settings::Client;

use crate::catalogue::{Metric, Unit, metric};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Point};
use crate::numbers::{self, NOTHING};

/// A column: a metric, or a metric ÷ that of another technique.
pub(crate) struct Column {
    pub(crate) metric: &'static Metric,
    pub(crate) to: Option<String>,
}

impl Column {
    /// Reads `cpu` or `cpu/websocket`; `cpu/baseline` is relative to the baseline, `cpu/transport=HTTP/1.1` to the same technique
    /// there, `cpu/own` to pushbench's own server.
    pub(crate) fn parse(text: &str, evidence: &Evidence) -> Result<Self, String> {
        let (key, to) = text.split_once('/').map_or((text, None), |(key, to)| (key, Some(to)));
        let metric = metric(key).ok_or_else(|| format!("there is no metric {key}"))?;
        let to =
            to.map(|to| if to == "baseline" { evidence.baseline().unwrap_or(to) } else { to }.to_owned());
        Ok(Self { metric, to })
    }

    pub(crate) fn head(&self, evidence: &Evidence) -> String {
        match &self.to {
            Some(to) if to == "own" => format!("{} ÷ pushbench's own", self.metric.label),
            Some(to) => format!(
                "{} ÷ {}",
                self.metric.label,
                to.rsplit('=').next().map_or(to.as_str(), |to| evidence.label(to))
            ),
            None => self.metric.label.to_owned(),
        }
    }

    pub(crate) fn estimate(&self, evidence: &Evidence, point: &Point) -> Option<Estimate> {
        match &self.to {
            Some(to) => evidence.ratio(point, evidence.beside(point, to)?, self.metric),
            None => evidence.estimate(point, self.metric),
        }
    }

    fn cell(&self, evidence: &Evidence, point: &Point) -> String {
        let to = self.to.as_ref().and_then(|to| evidence.beside(point, to));
        let unit = if self.to.is_some() { Unit::Number } else { self.metric.unit };
        let side = evidence.side(point, to, self.metric);
        let found = side.zip(self.estimate(evidence, point));
        found.map_or_else(
            || NOTHING.to_owned(),
            |(side, estimate)| format!("{}{}", side.words(), numbers::show(unit, estimate)),
        )
    }
}

/// The points of a scenario that `who` means: own, searched, loaded, targets, all.
pub(crate) fn points<'e>(
    evidence: &'e Evidence,
    scenario: &str,
    who: &str,
) -> Result<Vec<&'e Point>, String> {
    Ok(match who {
        "own" => evidence.own(scenario).collect(),
        "searched" => evidence.searched(scenario).collect(),
        "searched-all" => evidence.of_scenario(scenario).filter(|point| point.is_search).collect(),
        "loaded" => evidence.loaded(scenario).collect(),
        "targets" => {
            let has = |point: &&Point| {
                let same = |other: &Point| other.target.is_some() && other.technique == point.technique;
                point.load.is_none() && !point.is_search && evidence.of_scenario(scenario).any(same)
            };
            evidence.of_scenario(scenario).filter(has).collect()
        }
        "all" => evidence.of_scenario(scenario).collect(),
        other => return Err(format!("there is no who={other}")),
    })
}

/// A row for each point; columns without any value are left out. Empty without a point.
pub(crate) fn by_point(evidence: &Evidence, points: &[&Point], columns: &[Column]) -> String {
    let keys = varying(points);
    let mut rows: Vec<Vec<String>> = points
        .iter()
        .map(|point| {
            let mut row = vec![name(evidence, point)];
            row.extend(keys.iter().map(|key| value(point, key)));
            row.extend(columns.iter().map(|column| column.cell(evidence, point)));
            row
        })
        .collect();
    let mut head = vec!["technique".to_owned()];
    head.extend(keys);
    let fixed = head.len();
    head.extend(columns.iter().map(|column| column.head(evidence)));
    for place in (fixed..head.len()).rev() {
        if rows.iter().all(|row| row[place] == NOTHING) {
            head.remove(place);
            rows.iter_mut().for_each(|row| drop(row.remove(place)));
        }
    }
    if rows.is_empty() || head.len() == fixed { String::new() } else { markdown(&head, &rows) }
}

/// A row for each technique, and a column with the metric for each value of `across`: a swept key, or several with commas. What a
/// key does not concern has its one value in every column.
pub(crate) fn across(evidence: &Evidence, points: &[&Point], across: &str, column: &Column) -> String {
    let keys: Vec<&str> = across.split(',').collect();
    let values_of = |point: &Point| -> Vec<String> { keys.iter().map(|key| value(point, key)).collect() };
    let others: Vec<String> =
        varying(points).into_iter().filter(|key| !keys.contains(&key.as_str())).collect();
    let mut columns: Vec<Vec<String>> = Vec::new();
    let mut rows: Vec<(Vec<String>, Vec<&Point>)> = Vec::new();
    for point in points {
        let values = values_of(point);
        if values.iter().all(|value| value != NOTHING) && !columns.contains(&values) {
            columns.push(values);
        }
        let mut start = vec![name(evidence, point)];
        start.extend(others.iter().map(|key| value(point, key)));
        match rows.iter_mut().find(|(other, _)| *other == start) {
            Some((_, points)) => points.push(point),
            None => rows.push((start, vec![point])),
        }
    }
    let cell = |points: &[&Point], values: &[String]| {
        let is_here = |point: &&&Point| {
            values_of(point).iter().zip(values).all(|(own, value)| own == NOTHING || own == value)
        };
        points.iter().find(is_here).map_or_else(|| NOTHING.to_owned(), |point| column.cell(evidence, point))
    };
    let named = |values: &Vec<String>| {
        let one = |(key, value): (&&str, &String)| {
            let short = key.rsplit('.').next().unwrap_or(key);
            match value.as_str() {
                "true" => short.to_owned(),
                "false" => format!("no {short}"),
                value if keys.len() > 1 && value.starts_with(|c: char| c.is_ascii_digit()) => {
                    format!("{short} {value}")
                }
                value => value.to_owned(),
            }
        };
        keys.iter().zip(values).map(one).collect::<Vec<_>>().join(", ")
    };
    let head: Vec<String> =
        ["technique".to_owned()].into_iter().chain(others).chain(columns.iter().map(named)).collect();
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(mut row, points)| {
            row.extend(columns.iter().map(|values| cell(&points, values)));
            row
        })
        .collect();
    if columns.is_empty() { String::new() } else { markdown(&head, &rows) }
}

/// Swept keys that differ between these points.
pub(crate) fn varying(points: &[&Point]) -> Vec<String> {
    let mut keys: Vec<String> = points.iter().flat_map(|point| point.at.keys().cloned()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| {
        key != "client" && points.iter().any(|point| point.at.get(key) != points[0].at.get(key))
    });
    keys
}

pub(crate) fn name(evidence: &Evidence, point: &Point) -> String {
    let label = evidence.label(&point.technique);
    let by = point
        .target
        .as_deref()
        .map(|name| evidence.target(name).map_or(name, |target| target.label.as_str()));
    let client = Some(point.client).filter(|client| *client != Client::Native).map(client_name);
    [Some(label), by, client].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A client's name for people.
pub(crate) fn client_name(client: Client) -> &'static str {
    match client {
        Client::Native => "pushbench's client",
        Client::Chromium => "Chromium",
        Client::Firefox => "Firefox",
    }
}

/// A swept key's value for people.
pub(crate) fn value(point: &Point, key: &str) -> String {
    // A server of others has its own implementation, and ran beside one of ours.
    let is_ours = |_: &&String| key != "implementation" || point.target.is_none();
    let written = || point.at.get(key).filter(is_ours).cloned().unwrap_or_else(|| NOTHING.to_owned());
    point.coordinate(key).map_or_else(written, |(number, unit)| numbers::show_setting(unit, number))
}

/// A Markdown table, the first column to the left and the others to the right.
pub(crate) fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | "))
    };
    let rule = format!("|---|{}\n", "--:|".repeat(head.len().saturating_sub(1)));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{rows}", line(head))
}

/// Text that cannot end a cell, start a tag or begin a link.
pub(crate) fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_end_their_row() {
        let cells = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let table = markdown(&cells(&["a", "b"]), &[cells(&["x|y", "<b>\n1"])]);
        assert_eq!(table, "| a | b |\n|---|--:|\n| x\\|y | &lt;b> 1 |\n");
    }
}
