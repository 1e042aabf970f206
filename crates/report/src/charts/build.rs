//! Evidence into charts.

use model::trial::{Direction, Flight};

use super::finding::{self, Group};
use super::palette::{GREY, layer_colours, technique_colour};
use super::{Axis, ChartSpec, Kind, Mark, Request, Series, Shape, requests};
use crate::ReportError;
use crate::catalogue::{Unit, layers};
use crate::evidence::{Evidence, Point};
use crate::numbers;
use crate::table::{self, Column};

/// Layers with a smaller share of every bar are one part.
const LEAST_SHARE: f64 = 0.02;
/// What a lane shows of a longer trace.
const LONGEST_NS: u64 = 5_000_000_000;

/// The chart of this name; none where it was not measured or would say nothing.
/// Fails when `charts.toml` has no such chart.
pub fn of_name(evidence: &Evidence, name: &str) -> Result<Option<ChartSpec>, ReportError> {
    let no_chart = || ReportError::Draw {
        chart: name.to_owned(),
        reason: "there is no such chart in charts.toml".to_owned(),
    };
    requests()?.into_iter().find(|request| request.name == name).ok_or_else(no_chart)?.chart(evidence)
}

impl Request {
    /// The chart; none where it was not measured or would say nothing.
    /// Fails when there is no such metric.
    pub fn chart(&self, evidence: &Evidence) -> Result<Option<ChartSpec>, ReportError> {
        chart(evidence, self).map_err(|reason| ReportError::Draw { chart: self.name.clone(), reason })
    }
}

fn chart(evidence: &Evidence, request: &Request) -> Result<Option<ChartSpec>, String> {
    let group = |scenario: &String| {
        Ok(Group { name: scenario.replace('-', " "), points: points(evidence, request, scenario)? })
    };
    let mut groups = request.scenarios.iter().map(group).collect::<Result<Vec<Group<'_>>, String>>()?;
    groups.retain(|group| !group.points.is_empty());
    let drawn = match request.kind {
        Kind::Dots => dots(evidence, request, &groups)?,
        Kind::Lines => lines(evidence, request, &groups)?,
        Kind::Bars => bars(evidence, &groups),
        Kind::Timeline => timeline(evidence, &groups),
    };
    Ok(drawn.map(|(title, x, y, series)| ChartSpec {
        name: request.name.clone(),
        kind: request.kind,
        title,
        scenarios: request.scenarios.clone(),
        x,
        y,
        series,
    }))
}

type Drawn = Option<(String, Axis, Axis, Vec<Series>)>;

fn points<'e>(evidence: &'e Evidence, request: &Request, scenario: &str) -> Result<Vec<&'e Point>, String> {
    let mut points = table::points(evidence, scenario, &request.who)?;
    points.retain(|point| {
        request.at.iter().all(|(key, value)| point.at.get(key).is_none_or(|swept| swept == value))
    });
    Ok(points)
}

fn axis(title: impl Into<String>, unit: Unit, is_log: bool) -> Axis {
    Axis { title: title.into(), unit, is_log }
}

/// A row, where there is nothing to count along it.
fn rows() -> Axis {
    axis("", Unit::Number, false)
}

fn add(evidence: &Evidence, series: &mut Vec<Series>, name: String, mark: Mark) {
    let colour = technique_colour(evidence, &mark.technique).to_owned();
    match series.iter_mut().find(|series| series.name == name && series.colour == colour) {
        Some(series) => series.marks.push(mark),
        None => series.push(Series { name, colour, marks: vec![mark], ..Series::default() }),
    }
}

/// The technique's name, and the values of swept keys in which these points differ.
fn name(evidence: &Evidence, point: &Point, keys: &[String]) -> String {
    let values = keys.iter().map(|key| table::value(point, key));
    let values: Vec<String> = values.filter(|value| value != numbers::NOTHING).collect();
    let name = table::name(evidence, point);
    if values.is_empty() { name } else { format!("{name}, {}", values.join(", ")) }
}

/// Who stands beside pushbench at a point: a server that others wrote, or a browser.
fn party(evidence: &Evidence, point: &Point) -> String {
    let name = table::name(evidence, point);
    let label = evidence.label(&point.technique);
    name.strip_prefix(label).and_then(|rest| rest.strip_prefix(", ")).unwrap_or("pushbench").to_owned()
}

/// A group for each combination of swept values; none where nothing is swept. What a sweep leaves out stands in each group.
fn by_swept<'e>(group: &Group<'e>) -> Vec<Group<'e>> {
    let keys = table::varying(&group.points);
    let has_all = |point: &&&Point| !keys.is_empty() && keys.iter().all(|key| point.at.contains_key(key));
    let mut groups: Vec<Group<'e>> = Vec::new();
    for first in group.points.iter().filter(has_all) {
        let name = swept(first, &keys);
        if groups.iter().all(|group| group.name != name) {
            let is_here = |point: &&&Point| {
                keys.iter().all(|key| point.at.get(key).is_none_or(|value| first.at.get(key) == Some(value)))
            };
            groups.push(Group { name, points: group.points.iter().filter(is_here).copied().collect() });
        }
    }
    groups
}

/// A heading for points of these swept values: words by themselves, and what is short with its key.
fn swept(point: &Point, keys: &[String]) -> String {
    let one = |key: &String| {
        let value = table::value(point, key);
        let last = key.rsplit('.').next().unwrap_or(key);
        if value.len() > 4 { value } else { format!("{last} {value}") }
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn mark(evidence: &Evidence, point: &Point, column: &Column) -> Option<Mark> {
    let estimate = column.estimate(evidence, point)?;
    Some(Mark {
        technique: point.technique.clone(),
        value: estimate.value,
        low: estimate.interval.map(|[low, _]| low),
        high: estimate.interval.map(|[_, high]| high),
        text: match column.to {
            Some(_) => numbers::show_ratio(estimate),
            None => numbers::show(column.metric.unit, estimate),
        },
        trials: estimate.trials,
        runs: estimate.runs,
        ..Mark::default()
    })
}

/// Logarithmic where figures differ by more than 20 times.
fn value_axis(evidence: &Evidence, column: &Column, series: &[Series]) -> Axis {
    let values = || series.iter().flat_map(|series| &series.marks).map(|mark| mark.value);
    let [least, most] = [values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max)];
    let is_log = least > 0.0 && most / least > 20.0;
    match &column.to {
        Some(_) => axis(column.head(evidence), Unit::Number, is_log),
        None => axis(column.metric.label, column.metric.unit, is_log),
    }
}

fn dots(evidence: &Evidence, request: &Request, groups: &[Group<'_>]) -> Result<Drawn, String> {
    let column = Column::parse(&request.metric, evidence)?;
    let is_beside_own = ["targets", "all"].contains(&request.who.as_str());
    let split = match groups {
        [one] if !is_beside_own => by_swept(one),
        _ => Vec::new(),
    };
    let is_split = !split.is_empty();
    let groups = if is_split { &split } else { groups };
    let mut series = Vec::new();
    for group in groups {
        let keys = if is_split { Vec::new() } else { table::varying(&group.points) };
        // What everything is divided by is 1 by definition.
        let is_shown =
            |point: &&&Point| column.to.as_ref() != Some(&point.technique) || point.target.is_some();
        for point in group.points.iter().filter(is_shown) {
            let Some(mark) = mark(evidence, point, &column) else { continue };
            let (category, name) = match groups.len() {
                _ if is_beside_own => (evidence.label(&point.technique).to_owned(), party(evidence, point)),
                1 if !is_split => (String::new(), name(evidence, point, &keys)),
                _ => (group.name.clone(), name(evidence, point, &keys)),
            };
            add(evidence, &mut series, name, Mark { category, ..mark });
        }
    }
    let title = match is_beside_own {
        true => finding::beside_own(evidence, groups, &column, party),
        false => finding::of_groups(evidence, groups, &column),
    };
    Ok(title.map(|title| (title, value_axis(evidence, &column, &series), rows(), series)))
}

fn lines(evidence: &Evidence, request: &Request, groups: &[Group<'_>]) -> Result<Drawn, String> {
    let column = Column::parse(&request.metric, evidence)?;
    let points: Vec<&Point> = groups.iter().flat_map(|group| group.points.iter().copied()).collect();
    let coordinate = |point: &Point| match request.x.as_str() {
        "load" => point.load.map(|load| (load, Unit::Number)),
        key => point.coordinate(key),
    };
    let mut places: Vec<(f64, Unit)> = points.iter().filter_map(|point| coordinate(point)).collect();
    places.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    places.dedup();
    let [(first, unit), .., (last, _)] = places[..] else { return Ok(None) };
    let keys: Vec<String> = table::varying(&points).into_iter().filter(|key| *key != request.x).collect();
    let mut series = Vec::new();
    for point in &points {
        let Some(mark) = mark(evidence, point, &column) else { continue };
        // What the sweep leaves out is the same at each of its values.
        let at = coordinate(point).map_or_else(|| vec![first, last], |(x, _)| vec![x]);
        for x in at {
            add(evidence, &mut series, name(evidence, point, &keys), Mark { x, ..mark.clone() });
        }
    }
    let at = |place: &(f64, Unit)| Group {
        name: numbers::show_setting(place.1, place.0),
        points: points
            .iter()
            .copied()
            .filter(|point| coordinate(point).is_none_or(|of_point| of_point == *place))
            .collect(),
    };
    let ends: Vec<Group<'_>> = places.iter().map(at).collect();
    let title = finding::along(evidence, &ends, &column);
    let x_title = request.x_title.clone().unwrap_or_else(|| request.x.replace(['.', '_'], " "));
    // A zero has no place on a logarithmic axis.
    let x = axis(x_title, unit, first > 0.0 && last / first > 10.0);
    Ok(title.map(|title| (title, x, value_axis(evidence, &column, &series), series)))
}

/// Bytes per event by layer, both ways together.
fn bars(evidence: &Evidence, groups: &[Group<'_>]) -> Drawn {
    let mut stacks = Vec::new();
    for group in groups {
        let keys = table::varying(&group.points);
        for point in &group.points {
            let trials: Vec<_> = evidence.trials(point).collect();
            let Some(layers) = layers(&trials) else { continue };
            let layers: Vec<(&str, f64)> =
                layers.into_iter().map(|(layer, [up, down])| (layer, up + down)).collect();
            let name = name(evidence, point, &keys);
            let name = if groups.len() > 1 { format!("{}: {name}", group.name) } else { name };
            stacks.push((*point, name, layers));
        }
    }
    let total = |layers: &[(&str, f64)]| layers.iter().map(|(_, bytes)| bytes).sum::<f64>();
    let share = |place: usize| {
        stacks.iter().map(move |(_, _, layers)| layers[place].1 / total(layers)).fold(0.0, f64::max)
    };
    let layer_count = stacks.first().map_or(0, |(_, _, layers)| layers.len());
    let mut shown: Vec<usize> = (0..layer_count).filter(|place| share(*place) >= LEAST_SHARE).collect();
    shown.sort_by(|a, b| share(*b).total_cmp(&share(*a)));
    shown.truncate(7);
    shown.sort_unstable();
    let part = |point: &Point, bar: &str, bytes: f64, name: &str| Mark {
        technique: point.technique.clone(),
        category: bar.to_owned(),
        value: bytes,
        text: format!("{} {name}", numbers::show(Unit::Bytes, crate::estimate::Estimate::exact(bytes, 1, 1))),
        trials: evidence.trials(point).count(),
        runs: evidence.runs.len(),
        ..Mark::default()
    };
    let mut series: Vec<Series> = shown
        .iter()
        .zip(layer_colours())
        .map(|(place, colour)| {
            let name = stacks[0].2[*place].0;
            let marks = stacks.iter().map(|(point, bar, layers)| part(point, bar, layers[*place].1, name));
            Series {
                name: name.to_owned(),
                colour: colour.to_owned(),
                marks: marks.collect(),
                ..Series::default()
            }
        })
        .collect();
    let rest = |layers: &[(&str, f64)]| {
        let kept: f64 = shown.iter().map(|place| layers[*place].1).sum();
        (total(layers) - kept).max(0.0)
    };
    if stacks.iter().any(|(_, _, layers)| rest(layers) > 0.5) {
        let marks = stacks.iter().map(|(point, bar, layers)| part(point, bar, rest(layers), "other"));
        let (name, colour) = ("other".to_owned(), GREY.to_owned());
        series.push(Series { name, colour, marks: marks.collect(), ..Series::default() });
    }
    let shares: Vec<(&str, f64)> = stacks
        .iter()
        .filter(|(point, _, _)| evidence.baseline() != Some(&point.technique))
        .map(|(_, bar, layers)| (bar.as_str(), layers[0].1 / total(layers)))
        .collect();
    let title = finding::of_payload(stacks.first()?.2[0].0, &shares)?;
    Some((title, axis("bytes per event", Unit::Bytes, false), rows(), series))
}

/// What crosses the first subscriber's socket: a lane for each technique of a traced scenario.
fn timeline(evidence: &Evidence, groups: &[Group<'_>]) -> Drawn {
    let [waits, asks, empty] = ["request without an answer yet", "client sends", "server sends no event"];
    let grey = |name: &str, shape| {
        let (name, colour) = (name.to_owned(), GREY.to_owned());
        Series { name, colour, shape: Some(shape), ..Series::default() }
    };
    let mut series = vec![grey(waits, Shape::Span), grey(asks, Shape::Up), grey(empty, Shape::Down)];
    let mut requests = Vec::new();
    for point in groups.iter().flat_map(|group| &group.points) {
        let Some(flights) = trace(evidence, point) else { continue };
        let sent = |way| flights.iter().filter(move |flight| flight.direction == way);
        let name = table::name(evidence, point);
        let bytes: u64 = flights.iter().map(|flight| flight.bytes).sum();
        let (up, down) = (sent(Direction::Up).count(), sent(Direction::Down).count());
        let category = format!("{name} · {up} up, {down} down, {} B", numbers::whole(bytes));
        let mark = |from: u64, to: u64, text: String| Mark {
            technique: point.technique.clone(),
            category: category.clone(),
            x: from as f64,
            value: to as f64,
            text,
            trials: 1,
            runs: 1,
            ..Mark::default()
        };
        for (from, to) in spans(&flights) {
            let text = format!("waits {}", numbers::time((to - from) as f64));
            series[0].marks.push(mark(from, to, text));
        }
        for flight in &flights {
            let text =
                format!("{}, {} B at {}", flight.what, flight.bytes, numbers::time(flight.handed_ns as f64));
            let mark = mark(flight.handed_ns, flight.handed_ns, text);
            match (flight.direction, flight.events) {
                (Direction::Up, _) => series[1].marks.push(mark),
                (Direction::Down, 0) => series[2].marks.push(mark),
                (Direction::Down, _) => {
                    add(evidence, &mut series, format!("{name} sends events"), mark);
                }
            }
        }
        if evidence.baseline() != Some(&point.technique) {
            requests.push((name, up));
        }
    }
    series.iter_mut().skip(3).for_each(|series| series.shape = Some(Shape::Down));
    series.retain(|series| !series.marks.is_empty());
    let title = finding::of_requests(&requests)?;
    Some((title, axis("time since the first connection", Unit::Time, false), rows(), series))
}

/// The first subscriber's flights of bytes of the first trial that has any.
fn trace<'e>(evidence: &'e Evidence, point: &Point) -> Option<Vec<&'e Flight>> {
    let outcomes = evidence.trials(point).filter_map(|trial| trial.record.result.outcome());
    let is_shown =
        |flight: &&Flight| flight.subscriber == 0 && flight.bytes > 0 && flight.at_ns <= LONGEST_NS;
    let mut traces = outcomes.map(|outcome| outcome.trace.iter().filter(is_shown).collect::<Vec<_>>());
    traces.find(|flights| !flights.is_empty())
}

/// When a connection waits: from what the client sent last to what comes next.
fn spans(flights: &[&Flight]) -> Vec<(u64, u64)> {
    let mut spans = Vec::new();
    for (place, flight) in flights.iter().enumerate().filter(|(_, flight)| flight.direction == Direction::Up)
    {
        let next = flights[place + 1..].iter().find(|next| next.connection == flight.connection);
        if let Some(answer) = next.filter(|next| next.direction == Direction::Down) {
            spans.push((flight.at_ns, answer.handed_ns));
        }
    }
    spans
}
