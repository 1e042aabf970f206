//! Charts, one kind a file. Which ones a scenario gets follows from what it sweeps.

mod axis;
mod bars;
mod bytes;
mod bytes_against_rate;
mod canvas;
mod capacity;
mod clients;
mod connections;
mod counters;
mod cpu;
mod frontier;
mod grid;
mod handshake;
mod interval;
mod lanes;
mod latency;
mod layers;
mod legend;
mod marked_lanes;
mod overload;
mod palette;
mod percentiles;
mod server_restart;
mod servers;
mod slow_consumers;
mod stall;
mod svg;
mod timeline;
mod transport;

use crate::ReportError;
use crate::statistics::{
    Analysis, Estimate, Limits, Reach, Row, ScenarioResult, Subject, TargetComparison, Topic,
};
use canvas::{Body, DrawError};
use palette::Look;

/// A chart and what stands around it in the report.
#[derive(Debug)]
pub(crate) struct Figure {
    pub scenario: String,
    pub place: Place,
    /// Its file name, the same in every run: `<chart>-<scenario>.svg`.
    pub file: String,
    pub picture: Picture,
}

/// The part of the report that a chart stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// With its scenario's answer.
    Answers,
    /// Among the recorded exchanges.
    Timelines,
    /// Beside servers that others wrote.
    OtherServers,
    /// What an event costs at equal latency.
    Frontier,
    /// With what each technique can carry.
    Saturation,
    /// With what becomes of it beyond that.
    Overload,
    /// With a scenario that has a part of the report to itself.
    Topics,
}

/// A chart as its kind makes it.
#[derive(Debug)]
pub(crate) struct Picture {
    pub title: String,
    /// The figures in words, for who cannot see it.
    pub description: String,
    /// How to read it, as Markdown.
    pub caption: String,
    pub svg: String,
}

type Chart = fn(&Stage<'_>) -> Result<Option<Picture>, DrawError>;

/// What a chart is drawn from.
pub(crate) struct Stage<'a> {
    analysis: &'a Analysis<'a>,
    answer: &'a ScenarioResult<'a>,
}

/// All charts of a run, scenario by scenario. A chart that would be empty is left out.
///
/// # Errors
///
/// When the drawing library fails; it names the chart.
pub(crate) fn draw(analysis: &Analysis<'_>) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    for answer in &analysis.scenarios {
        let place = match answer.subject() {
            Subject::Frontier => Place::Frontier,
            _ => Place::Answers,
        };
        for (name, chart) in kinds(answer) {
            let draw = || chart(&Stage { analysis, answer });
            figures.extend(figure(name, &answer.info.name, place, draw)?);
        }
        figures.extend(timelines(&Stage { analysis, answer })?);
    }
    for contest in &analysis.contests {
        figures.extend(servers(analysis, contest)?);
    }
    for answer in &analysis.topics {
        for (name, chart) in of_topic(answer) {
            let draw = || chart(&Stage { analysis, answer });
            figures.extend(figure(name, &answer.info.name, Place::Topics, draw)?);
        }
    }
    for limits in &analysis.limits {
        for (name, place, chart) in OF_LIMITS {
            figures.extend(figure(name, &limits.info.name, place, || chart(analysis, limits))?);
        }
    }
    Ok(figures)
}

type LimitsChart = fn(&Analysis<'_>, &Limits<'_>) -> Result<Option<Picture>, DrawError>;

/// What is drawn of a scenario that looks for limits.
const OF_LIMITS: [(&str, Place, LimitsChart); 3] = [
    ("capacity", Place::Saturation, capacity::draw),
    ("overload", Place::Overload, overload::draw),
    ("servers", Place::OtherServers, servers::at_saturation),
];

/// `<name>-<scenario>.svg`; none where it would be empty.
fn figure(
    name: &str,
    scenario: &str,
    place: Place,
    draw: impl FnOnce() -> Result<Option<Picture>, DrawError>,
) -> Result<Option<Figure>, ReportError> {
    let file = format!("{name}-{scenario}.svg");
    let picture = draw().map_err(|reason| ReportError::Draw { chart: file.clone(), reason })?;
    Ok(picture.map(|picture| Figure { scenario: scenario.to_owned(), place, file, picture }))
}

/// `servers-<scenario>.svg`; none where pushbench's own took no part, since there is nothing to compare with.
fn servers(analysis: &Analysis<'_>, contest: &TargetComparison<'_>) -> Result<Option<Figure>, ReportError> {
    let Some(answer) = analysis.answer(&contest.info.name) else { return Ok(None) };
    let draw = || servers::draw(&Stage { analysis, answer }, contest);
    figure("servers", &contest.info.name, Place::OtherServers, draw)
}

/// Whether a scenario's trials were recorded flight by flight: to be looked at one by one, and too few to compare.
pub(crate) fn is_traced(answer: &ScenarioResult<'_>) -> bool {
    answer.rows.iter().any(|row| row.settings.traced)
}

/// `timeline-<slug>-<scenario>.svg`, one for each technique of a traced scenario.
fn timelines(stage: &Stage<'_>) -> Result<Vec<Figure>, ReportError> {
    let scenario = &stage.answer.info.name;
    let named = |slug: &str| format!("timeline-{slug}-{scenario}.svg");
    let pictures = timeline::draw(stage).map_err(|reason| ReportError::Draw { chart: named("*"), reason })?;
    let figure = |(slug, picture): (String, Picture)| Figure {
        scenario: scenario.clone(),
        place: Place::Timelines,
        file: named(&slug),
        picture,
    };
    Ok(pictures.into_iter().map(figure).collect())
}

fn kinds(answer: &ScenarioResult<'_>) -> Vec<(&'static str, Chart)> {
    match answer.subject() {
        Subject::Single if is_traced(answer) => Vec::new(),
        Subject::Single => vec![
            ("latency", latency::draw),
            ("percentiles", percentiles::draw),
            ("stall", stall::draw),
            ("bytes", bytes::by_technique),
            ("cpu", cpu::draw),
        ],
        Subject::Time => {
            vec![
                ("interval", interval::draw),
                ("frontier", frontier::cpu),
                ("frontier-bytes", frontier::bytes),
            ]
        }
        Subject::Frontier => vec![("frontier", frontier::cpu), ("frontier-bytes", frontier::bytes)],
        Subject::Rate => vec![("rate", bytes_against_rate::draw)],
        Subject::SetUp => vec![("handshake", handshake::bytes), ("amortised", handshake::amortised)],
        Subject::Transport => vec![("bytes", bytes::by_point), ("transport", transport::draw)],
        Subject::Bytes if clients::are_swept(answer) => vec![("clients", clients::draw)],
        Subject::Bytes => vec![("bytes", bytes::by_point)],
    }
}

/// What is drawn of a scenario that has a part of the report to itself.
fn of_topic(answer: &ScenarioResult<'_>) -> Vec<(&'static str, Chart)> {
    match answer.topic() {
        Some(Topic::Connections) => {
            vec![("connections", connections::plain), ("connections-tls", connections::over_tls)]
        }
        Some(Topic::ServerRestarts) => vec![("server_restart", server_restart::draw)],
        Some(Topic::SlowConsumers) => vec![("slow-consumers", slow_consumers::draw)],
        Some(Topic::Counters) => {
            vec![("instructions", counters::instructions), ("system-calls", counters::system_calls)]
        }
        None => Vec::new(),
    }
}

impl Stage<'_> {
    fn label(&self, order: usize) -> &str {
        &self.analysis.technique(order).label
    }

    fn look(&self, order: usize) -> Look {
        look_of(self.analysis, order)
    }

    fn labels(&self) -> Vec<&str> {
        self.answer.contestants().into_iter().map(|order| self.label(order)).collect()
    }

    /// Rows of the same technique side by side.
    fn by_technique(&self) -> Vec<&Row<'_>> {
        self.answer.contestants().into_iter().flat_map(|order| self.answer.rows_of(order)).collect()
    }

    /// The technique, and the row's values with the last words of their keys: `Frames, backoff jittered`.
    fn lane_name(&self, row: &Row<'_>) -> String {
        let coordinates = self.answer.info.sweeps.iter().zip(&row.point);
        let values = coordinates.filter(|(_, coordinate)| coordinate.reach == Reach::Swept).map(
            |(key, coordinate)| {
                let name = key.rsplit_once('.').map_or(key.as_str(), |(_, name)| name);
                format!(", {name} {}", coordinate.text)
            },
        );
        format!("{}{}", self.label(row.technique), values.collect::<String>())
    }

    /// What marks and lines of a chart are of trials: of a single one there are no means.
    fn means(&self) -> &'static str {
        let most =
            self.answer.rows.iter().filter_map(|row| row.figures.as_ref()).map(|figures| figures.trials);
        match most.max() {
            Some(1) => "One trial each, so without intervals.",
            _ => "Means over trials; thick lines are their 95 % intervals.",
        }
    }

    /// `… in *chat*`, as a title.
    fn titled(&self, what: &str) -> String {
        format!("{what}: {}", self.answer.info.name)
    }
}

fn look_of(analysis: &Analysis<'_>, order: usize) -> Look {
    palette::look(order, analysis.technique(order).baseline)
}

/// Around points at which the load generator was nearly out of its cores.
const RING: f64 = 9.0;

/// Whether the load generator was nearly out of its cores in one of a row's trials.
fn is_limited(row: &Row<'_>) -> bool {
    row.figures.as_ref().is_some_and(|figures| figures.load_limited > 0)
}

/// Hollow where events went missing.
fn body(row: &Row<'_>) -> Body {
    let is_whole = row.figures.as_ref().is_some_and(|figures| figures.counts.lost == 0);
    if is_whole { Body::Filled } else { Body::Hollow }
}

/// The figure and both ends of its interval, for the extent of an axis.
fn extent(estimate: Estimate) -> impl Iterator<Item = f64> {
    let ends = estimate.interval.map(|interval| [interval.low, interval.high]);
    ends.into_iter().flatten().chain([estimate.value])
}
