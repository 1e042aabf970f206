//! Published figures beside the same ones measured here, each with a verdict that is computed.

mod found;
mod limits;
pub(super) mod measure;
mod today;

use model::manifest::PublicationInfo;
use model::publication::{Publication, Published, Relation};

use super::Chapter;
use super::markdown::{anchor, inline, table};
use crate::numbers;
use found::{Found, Side, Unclear};
use measure::Source;

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let publications = &chapter.analysis.run.manifest.publications;
    if publications.is_empty() {
        return "*This run holds no scenario of a published comparison.*\n".to_owned();
    }
    publications.iter().map(|info| one(chapter, info)).collect::<Vec<_>>().join("\n")
}

fn one(chapter: &Chapter<'_>, info: &PublicationInfo) -> String {
    match Publication::parse(&info.text, &info.id) {
        Ok(publication) => judged(chapter, &publication),
        Err(error) => {
            format!("### {}\n\n*It cannot be judged: {}.*\n", inline(&info.id), inline(&error.to_string()))
        }
    }
}

fn judged(chapter: &Chapter<'_>, publication: &Publication) -> String {
    let verdicts: Vec<Verdict<'_>> =
        publication.figures.iter().map(|figure| Verdict::of(chapter, publication, figure)).collect();
    let head = ["figure", "published", "measured here", "verdict"].map(str::to_owned);
    let lines = verdicts.iter().map(Verdict::line);
    let tables =
        publication.tables.iter().filter_map(|table| today::section(chapter, &publication.scenario, table));
    let scenario = &publication.scenario;
    format!(
        "<a id=\"publications-{}{}\"></a>\n\n### {}: {}\n\n{}\n\n{} Measured by the scenario [{}](#scenario-{}{}).\n\n{}\n\n{}\n{}",
        anchor(&publication.id),
        chapter.suffix,
        inline(&publication.id),
        inline(&publication.title),
        inline(&publication.source),
        inline(&publication.set_up),
        inline(scenario),
        anchor(scenario),
        chapter.suffix,
        count(&verdicts),
        words_last(&table(1, &head, lines)),
        tables.map(|table| format!("\n{table}")).collect::<String>(),
    )
}

/// What a decimal of the file and a quotient of counts may differ by for being binary.
const ROUNDING: f64 = 1e-9;

/// A published figure, and what became of it.
struct Verdict<'p> {
    figure: &'p Published,
    found: Option<Found>,
}

/// Whether a figure is the published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Same,
    Other,
    /// What was measured does not tell.
    Open(Unclear),
    Nothing,
}

impl<'p> Verdict<'p> {
    fn of(chapter: &Chapter<'_>, publication: &Publication, figure: &'p Published) -> Self {
        let rule = figure.measure.as_ref();
        let source = Source { id: &publication.id, scenario: &publication.scenario };
        let found = rule.and_then(|rule| limits::find(chapter.analysis, &source, rule));
        Self { figure, found }
    }

    fn comparison(&self) -> Comparison {
        let Published { value, tolerance, relation, .. } = self.figure;
        let Some(Found { estimate, side, varies, unclear }) = self.found else { return Comparison::Nothing };
        if let Some(unclear) = unclear {
            return Comparison::Open(unclear);
        }
        let away = tolerance + value.abs() * ROUNDING;
        let near = |found: f64| (found - value).abs() <= away;
        let ends = match (estimate.interval, varies) {
            (Some(interval), _) => [interval.low, interval.high],
            (None, false) => [estimate.value; 2],
            (None, true) => return Comparison::Open(Unclear::BothSides),
        };
        let is_over = ends[0] > value + away && side != Side::Most;
        let is_under = ends[1] < value - away && side != Side::Least;
        match relation {
            Relation::Equal if side == Side::Exact && near(estimate.value) => Comparison::Same,
            Relation::Above if is_over => Comparison::Same,
            Relation::Below if is_under => Comparison::Same,
            _ if is_over || is_under => Comparison::Other,
            _ if side == Side::Exact => Comparison::Open(Unclear::BothSides),
            _ => Comparison::Open(Unclear::OneSided),
        }
    }

    fn words(&self) -> String {
        let why = inline(&self.figure.why);
        match self.comparison() {
            Comparison::Same => "**reproduced**".to_owned(),
            Comparison::Other => self.difference(&why),
            Comparison::Open(unclear) => format!("*too close to tell*: {}", unclear.words()),
            Comparison::Nothing if self.figure.measure.is_some() => "*not measured* in this run".to_owned(),
            Comparison::Nothing if why.is_empty() => "*not measured*: there is no rule for it".to_owned(),
            Comparison::Nothing => format!("*not measured*: {why}"),
        }
    }

    /// The cause was written before the measurement: it is one only where it predicted the measured figure.
    fn difference(&self, why: &str) -> String {
        match (why.is_empty(), self.is_expected()) {
            (true, _) => "*differs*; no cause is known".to_owned(),
            (false, None) => format!("*differs*; known cause: {why}"),
            (false, Some(true)) => format!("*differs* because {why}"),
            (false, Some(false)) => {
                format!("**differs; the known cause does not account for it**: {why}")
            }
        }
    }

    /// Whether the measured figure is what the cause of its difference makes of the published one; none where the
    /// publication's file does not say what that is.
    fn is_expected(&self) -> Option<bool> {
        let ([low, high], measured) = (self.figure.expected?, self.found?.estimate.value);
        Some(low - low.abs() * ROUNDING <= measured && measured <= high + high.abs() * ROUNDING)
    }

    fn line(&self) -> Vec<String> {
        let Published { what, value, unit, tolerance, relation, .. } = self.figure;
        let with_unit = |number: String| inline(format!("{number} {unit}").trim());
        let side = match relation {
            Relation::Equal => "",
            Relation::Above => "above ",
            Relation::Below => "below ",
        };
        let allowed = match *tolerance {
            0.0 => String::new(),
            tolerance => format!(" ± {tolerance}"),
        };
        vec![
            inline(what),
            format!("{side}{}{allowed}", with_unit(value.to_string())),
            numbers::optional(self.found, |found| with_unit(shown(found))),
            self.words(),
        ]
    }
}

/// What chance has a part in bears its interval.
fn shown(Found { estimate, side, varies, .. }: Found) -> String {
    let side = match side {
        Side::Exact => "",
        Side::Least => "≥ ",
        Side::Most => "≤ ",
    };
    let number = match estimate.value {
        value if value.is_infinite() => "∞".to_owned(),
        _ if varies => numbers::estimate(estimate),
        value => numbers::plain(value),
    };
    format!("{side}{number}")
}

/// Verdicts are read from the left, as the first column is.
fn words_last(table: &str) -> String {
    table.replacen("--:|\n", "---|\n", 1)
}

fn count(verdicts: &[Verdict<'_>]) -> String {
    let of =
        |is: fn(&Comparison) -> bool| verdicts.iter().filter(|verdict| is(&verdict.comparison())).count();
    let [same, other] =
        [of(|comparison| *comparison == Comparison::Same), of(|comparison| *comparison == Comparison::Other)];
    let [open, none] = [
        of(|comparison| matches!(comparison, Comparison::Open(_))),
        of(|comparison| *comparison == Comparison::Nothing),
    ];
    let mut words = vec![format!("{same} reproduced"), format!("{other} differ")];
    if open > 0 {
        words.push(format!("{open} too close to tell"));
    }
    if none > 0 {
        words.push(format!("{none} not measured"));
    }
    format!(
        "Of {} figures: {}. What may differ and still be called the same stands behind ±; without it, nothing may.",
        verdicts.len(),
        words.join(", ")
    )
}
