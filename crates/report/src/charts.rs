//! Charts as data: what is drawn, under a title that states what it shows. [`draw`] makes an SVG of it for a page, and the script of
//! the HTML report draws the same data.
//!
//! `templates/charts.toml` lists all charts. One that would say nothing (a single figure, or only figures that tie) is not drawn.

mod build;
mod canvas;
mod draw;
mod finding;
mod palette;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ReportError;
use crate::catalogue::Unit;

pub use build::of_name;
pub use draw::draw;
pub use palette::technique_colour;

/// How figures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A row for each figure: a dot in its interval.
    Dots,
    /// A line for each technique over a swept key.
    Lines,
    /// A bar for each point, of one part for each layer of bytes.
    Bars,
    /// A lane for each technique along time.
    Timeline,
}

/// A chart: what it shows, and nothing about pixels.
#[derive(Debug, Clone, Serialize)]
pub struct ChartSpec {
    /// Its file's name without `.svg`.
    pub name: String,
    /// How it is drawn.
    pub kind: Kind,
    /// What it shows, as a sentence.
    pub title: String,
    /// Scenarios that it takes figures from.
    pub scenarios: Vec<String>,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis; without a title where there are rows.
    pub y: Axis,
    /// What is drawn, in the order of the registry or of the stack.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Debug, Clone, Serialize)]
pub struct Axis {
    /// What it counts, in words.
    pub title: String,
    pub unit: Unit,
    /// Whether each step is a multiple of the one before.
    pub is_log: bool,
}

/// Marks of one name and colour.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Series {
    /// Its name for people.
    pub name: String,
    /// Its colour on every page, light or dark.
    pub colour: String,
    /// How its marks look along time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    pub marks: Vec<Mark>,
}

/// How a mark along time looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A rectangle from `x` to `value`.
    Span,
    /// A line above the lane: from client to server.
    Up,
    /// A line under the lane: from server to client.
    Down,
}

/// One figure.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Mark {
    /// The technique's slug.
    pub technique: String,
    /// The row, bar or lane that it stands in, or the heading over its rows.
    pub category: String,
    /// The value of the swept key, or when it begins.
    pub x: f64,
    /// The figure, or when it ends.
    pub value: f64,
    /// The lower end of its interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper end of its interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The figure for people, with its interval and unit.
    pub text: String,
    /// Trials that it rests on.
    pub trials: usize,
    /// Runs that these belong to.
    pub runs: usize,
}

/// What a template or `charts.toml` asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The chart's name.
    pub name: String,
    /// How it is drawn.
    pub kind: Kind,
    /// Where its figures come from.
    pub scenarios: Vec<String>,
    /// A metric, or a metric ÷ that of another technique: `cpu`, `cpu/websocket`, `cpu/baseline`.
    #[serde(default)]
    pub metric: String,
    /// The swept key that lines run along; `load` for the share of the technique's own capacity.
    #[serde(default)]
    pub x: String,
    /// Values of swept keys.
    #[serde(default, rename = "where")]
    pub at: BTreeMap<String, String>,
    /// Which points: own, searched, loaded, targets or all.
    #[serde(default = "own")]
    pub who: String,
    /// The horizontal axis in words, where the key's name is not.
    pub x_title: Option<String>,
}

#[derive(Deserialize)]
struct File {
    chart: Vec<Request>,
}

/// All charts of `charts.toml`.
/// Fails when the file is wrong: an error of pushbench.
pub fn requests() -> Result<Vec<Request>, ReportError> {
    let file: Result<File, _> = toml::from_str(include_str!("templates/charts.toml"));
    file.map(|file| file.chart)
        .map_err(|error| ReportError::Template { page: "charts.toml".to_owned(), reason: error.to_string() })
}

fn own() -> String {
    "own".to_owned()
}
