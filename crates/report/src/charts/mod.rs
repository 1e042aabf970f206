//! Charts, one kind a file. Which ones a scenario gets follows from what it sweeps.

mod axis;
mod bars;
mod bytes;
mod bytes_against_rate;
mod canvas;
mod cpu;
mod frontier;
mod grid;
mod handshake;
mod interval;
mod lanes;
mod latency;
mod layers;
mod legend;
mod palette;
mod percentiles;
mod servers;
mod stall;
mod svg;
mod throughput;
mod timeline;
mod transport;

use crate::ReportError;
use crate::statistics::{Answer, Contest, Estimate, Study, Subject};
use canvas::DrawError;
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
    study: &'a Study<'a>,
    answer: &'a Answer<'a>,
}

/// All charts of a run, scenario by scenario. A chart that would be empty is left out.
///
/// # Errors
///
/// When the drawing library fails; it names the chart.
pub(crate) fn draw(study: &Study<'_>) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    for answer in &study.scenarios {
        for (name, chart) in kinds(answer) {
            let file = format!("{name}-{}.svg", answer.info.name);
            let picture = chart(&Stage { study, answer })
                .map_err(|reason| ReportError::Draw { chart: file.clone(), reason })?;
            let scenario = answer.info.name.clone();
            figures.extend(picture.map(|picture| Figure { scenario, place: Place::Answers, file, picture }));
        }
        figures.extend(timelines(&Stage { study, answer })?);
    }
    for contest in &study.contests {
        figures.extend(servers(study, contest)?);
    }
    Ok(figures)
}

/// `servers-<scenario>.svg`; none where pushbench's own took no part, since there is nothing to compare with.
fn servers(study: &Study<'_>, contest: &Contest<'_>) -> Result<Option<Figure>, ReportError> {
    let scenario = contest.info.name.clone();
    let file = format!("servers-{scenario}.svg");
    let Some(answer) = study.answer(&scenario) else { return Ok(None) };
    let picture = servers::draw(&Stage { study, answer }, contest)
        .map_err(|reason| ReportError::Draw { chart: file.clone(), reason })?;
    Ok(picture.map(|picture| Figure { scenario, place: Place::OtherServers, file, picture }))
}

/// Whether a scenario's trials were recorded flight by flight: to be looked at one by one, and too few to compare.
pub(crate) fn is_traced(answer: &Answer<'_>) -> bool {
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

fn kinds(answer: &Answer<'_>) -> Vec<(&'static str, Chart)> {
    match answer.subject() {
        Subject::Single if is_traced(answer) => Vec::new(),
        Subject::Single => vec![
            ("latency", latency::draw),
            ("percentiles", percentiles::draw),
            ("stall", stall::draw),
            ("bytes", bytes::by_technique),
            ("cpu", cpu::draw),
        ],
        Subject::Time => vec![("interval", interval::draw), ("frontier", frontier::draw)],
        Subject::Saturation => vec![("throughput", throughput::draw)],
        Subject::Rate => vec![("rate", bytes_against_rate::draw)],
        Subject::SetUp => vec![("handshake", handshake::bytes), ("amortised", handshake::amortised)],
        Subject::Transport => vec![("bytes", bytes::by_point), ("transport", transport::draw)],
        Subject::Bytes => vec![("bytes", bytes::by_point)],
    }
}

impl Stage<'_> {
    fn label(&self, order: usize) -> &str {
        &self.study.technique(order).label
    }

    fn look(&self, order: usize) -> Look {
        palette::look(order, self.study.technique(order).floor)
    }

    fn labels(&self) -> Vec<&str> {
        self.answer.contestants().into_iter().map(|order| self.label(order)).collect()
    }

    /// `… in *chat*`, as a title.
    fn titled(&self, what: &str) -> String {
        format!("{what}: {}", self.answer.info.name)
    }
}

/// The figure and both ends of its interval, for the extent of an axis.
fn extent(estimate: Estimate) -> impl Iterator<Item = f64> {
    let ends = estimate.interval.map(|interval| [interval.low, interval.high]);
    ends.into_iter().flatten().chain([estimate.value])
}
