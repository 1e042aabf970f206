//! A published comparison as a TOML file: what was printed, and the rule by which the same figure is measured here. A
//! [`Publication`] that exists can be judged.
//!
//! ```toml
//! id = "F1"
//! title = "A comparison"
//! source = "who, where, when"
//! set_up = "what they did"
//! scenario = "quantum-leap"       # whose trials are measured, unless a rule names another's
//! [[replay]]                      # a printed exchange, sent over a real connection
//! exchange = "poll"
//! request = ["GET / HTTP/1.1", "Host: localhost"]      # lines without their ends
//! response = ["HTTP/1.1 200 OK"]
//! body = 21                       # bytes of the answer's content
//! [[figure]]
//! what = "heads of one poll"
//! value = 871
//! unit = "B"
//! tolerance = 0                   # in the same unit, either way
//! measure = { from = "replay", exchange = "poll", count = "wire" }      # left out: it cannot be measured here
//! why = "the sum leaves out the line ends"                              # what a difference comes from
//! expected = [909, 909]           # from where to where it then lies; left out: no arithmetic tells
//! [[figure]]
//! what = "p99 of pushing ÷ of polling past capacity"
//! value = 1
//! is = "above"                    # the publication says only on which side of the value it lies: above, below
//! unit = "×"
//! measure = { from = "ratio", of = { from = "figure", at = { technique = "x" }, load = 1.5, figure = "p99" }, to = {…} }
//! [[table]]                       # overhead bytes of the scenario's points
//! title = "the same today"
//! down = ["http.headers"]
//! across = ["transport.http", "transport.tls"]
//! clients = 100000                # left out: no bandwidth
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::byte_account::Layers;

/// A published comparison, and how its figures are measured here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// A short name, such as `F1`.
    pub id: String,
    pub title: String,
    /// Who said it, where and when.
    pub source: String,
    /// What they did, and what is done here instead.
    pub set_up: String,
    /// The scenario whose trials are measured.
    pub scenario: String,
    /// Printed exchanges.
    #[serde(default, rename = "replay")]
    pub replays: Vec<Exchange>,
    /// Printed figures.
    #[serde(rename = "figure")]
    pub figures: Vec<Published>,
    /// What the same question gives at all points of the scenario.
    #[serde(default, rename = "table")]
    pub tables: Vec<Table>,
}

/// A request and its answer as they were printed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub exchange: String,
    /// The request's head, line by line, without line ends.
    pub request: Vec<String>,
    /// The answer's head, line by line, without line ends.
    pub response: Vec<String>,
    /// Bytes of the answer's content.
    pub body: u32,
}

/// A printed figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What it counts, for people.
    pub what: String,
    /// As it was printed.
    pub value: f64,
    pub unit: String,
    /// Whether the publication gives the figure itself, or only a bound that it lies above or below of.
    #[serde(default, rename = "is")]
    pub relation: Relation,
    /// How far the measured one may lie from it, either way, and still be the same. A bound has none.
    #[serde(default)]
    pub tolerance: f64,
    /// How it is measured here; none when it cannot be.
    pub measure: Option<Measure>,
    /// Why the measured one differs, or why there is none.
    #[serde(default)]
    pub why: String,
    /// From where to where the measured one lies if that is why; none where no arithmetic tells. In the same unit.
    pub expected: Option<[f64; 2]>,
}

/// What a publication says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    #[default]
    Equal,
    Above,
    Below,
}

/// A rule by which a figure is measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Measure {
    /// Bytes of a replayed exchange's heads, counted at the socket.
    Replay {
        exchange: String,
        count: Count,
        /// Of the request, of the answer, or both.
        #[serde(default)]
        way: Way,
    },
    /// Bytes of trials.
    Trials {
        at: Trials,
        /// Whose bytes; left out, all but the stamp, which is the instrument's own.
        #[serde(default)]
        layers: Vec<Layer>,
        #[serde(default)]
        way: Way,
        per: Per,
        /// Bytes that are no part of what was published, and known: taken off the quotient.
        #[serde(default)]
        less: f64,
    },
    /// HTTP requests of trials for each event that was received.
    Requests { at: Trials },
    /// Deliveries for each second at the capacity that searches found.
    Capacity { at: Trials },
    /// A figure that chance has a part in, repetition by repetition.
    Figure {
        at: Trials,
        /// Trials at this share of the technique's capacity; left out, trials whose rate the scenario gives.
        load: Option<f64>,
        figure: Figure,
    },
    /// What one technique costs ÷ what another one costs, each at its cheapest point with a p99 within the same limit.
    EqualLatency {
        /// Trials of the one, at one rate.
        of: Trials,
        /// Trials of the other, at the same rate.
        to: Trials,
        /// The limit, in milliseconds.
        within_ms: f64,
    },
    /// The most subscribers with a p95 within a limit, by a scenario whose steps have ever more of them; between two
    /// steps, their geometric mean.
    Steps {
        /// Which; the steps are the points.
        at: Trials,
        /// The limit, in milliseconds.
        p95_ms: f64,
    },
    /// One figure over another.
    Ratio {
        of: Box<Measure>,
        to: Box<Measure>,
        /// A factor: 100 for percent.
        #[serde(default = "once")]
        times: f64,
    },
    /// Megabits a second when each of so many clients causes these bytes once a second.
    Bandwidth { of: Box<Measure>, clients: u64, mega: Mega },
}

fn once() -> f64 {
    1.0
}

/// What is looked at in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// The p99 delivery latency, milliseconds; infinite where more than one event in a hundred is missing.
    P99,
    /// The p99 of what subscribers send to the application, milliseconds.
    UplinkP99,
    /// Events of an answer, frame or chunk.
    EventsPerResponse,
    /// What was delivered within the window ÷ what was due in it.
    Delivered,
    /// CPU time of the server, milliseconds for each second.
    CpuPerSecond,
    /// CPU time of the server, microseconds for each event.
    CpuPerEvent,
    /// Answers without an event, for each event.
    EmptyPerEvent,
}

/// Trials by technique and point; several repetitions are taken together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trials {
    /// The scenario; left out, the publication's.
    pub scenario: Option<String>,
    pub technique: String,
    /// Values of swept keys as the scenario writes them; keys that are left out may have any.
    #[serde(default)]
    pub point: BTreeMap<String, String>,
}

/// What of a head is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// Every byte.
    Wire,
    /// All but the line ends.
    Characters,
}

/// Which way bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
    #[default]
    Both,
}

/// What bytes are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Events that were received between the window's edges.
    Event,
    /// The same, and then taken so many times: bytes of so many events.
    Events(u32),
    /// Messages that went this way between the window's edges, by the stamps among these very bytes.
    Message,
    /// HTTP requests that were sent between the window's edges.
    Request,
    /// One: what a connection that opens and then brings so many events takes, its set-up included.
    Session(u32),
}

/// How large a megabit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mega {
    /// 1,000,000 bits.
    Decimal,
    /// 1,048,576 bits.
    Binary,
}

impl Mega {
    pub fn bits(self) -> f64 {
        match self {
            Self::Decimal => 1e6,
            Self::Binary => 1_048_576.0,
        }
    }
}

/// A layer, by the label that [`Layers::named`] gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer(&'static str);

impl Layer {
    pub fn of(self, layers: &Layers) -> u64 {
        layers.named().find(|(label, _)| *label == self.0).map_or(0, |(_, bytes)| bytes)
    }
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let labels: Vec<&'static str> = Layers::default().named().map(|(label, _)| label).collect();
        labels.iter().find(|label| **label == name).map(|label| Self(label)).ok_or_else(|| {
            let known = labels.join(", ");
            serde::de::Error::custom(format!("there is no layer {name}; there are: {known}"))
        })
    }
}

/// Overhead bytes of one event at all points of the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Swept keys whose values are rows, beside the techniques.
    #[serde(default)]
    pub down: Vec<String>,
    /// Swept keys whose values are columns.
    pub across: Vec<String>,
    /// How many clients get an event each second, for the bandwidth; left out, none is shown.
    pub clients: Option<u64>,
}

/// Why a file is no publication.
#[derive(Debug, Error)]
pub enum PublicationError {
    #[error("{file} does not describe a published comparison")]
    Shape { file: String, source: toml::de::Error },
    #[error(
        "{file}: the figure `{what}` is measured by the replay `{exchange}`, and there is none of that name"
    )]
    NoSuchExchange { file: String, what: String, exchange: String },
}

impl Publication {
    /// Reads a publication from `text`; `file` is how messages name it.
    /// Fails when its shape is wrong, or when a rule refers to nothing.
    pub fn parse(text: &str, file: &str) -> Result<Self, PublicationError> {
        let publication: Self = toml::from_str(text)
            .map_err(|source| PublicationError::Shape { file: file.to_owned(), source })?;
        for figure in &publication.figures {
            for exchange in figure.measure.iter().flat_map(Measure::exchanges) {
                publication.exchange(exchange).ok_or_else(|| PublicationError::NoSuchExchange {
                    file: file.to_owned(),
                    what: figure.what.clone(),
                    exchange: exchange.to_owned(),
                })?;
            }
        }
        Ok(publication)
    }

    pub fn exchange(&self, name: &str) -> Option<&Exchange> {
        self.replays.iter().find(|replay| replay.exchange == name)
    }
}

impl Measure {
    /// The replays that it counts.
    pub fn exchanges(&self) -> Vec<&str> {
        match self {
            Self::Replay { exchange, .. } => vec![exchange],
            Self::Ratio { of, to, .. } => [of.exchanges(), to.exchanges()].concat(),
            Self::Bandwidth { of, .. } => of.exchanges(),
            _ => Vec::new(),
        }
    }

    /// The trials that it counts.
    pub fn trials(&self) -> Vec<&Trials> {
        match self {
            Self::Replay { .. } => Vec::new(),
            Self::Trials { at, .. }
            | Self::Requests { at }
            | Self::Capacity { at }
            | Self::Figure { at, .. }
            | Self::Steps { at, .. } => vec![at],
            Self::EqualLatency { of, to, .. } => vec![of, to],
            Self::Ratio { of, to, .. } => [of.trials(), to.trials()].concat(),
            Self::Bandwidth { of, .. } => of.trials(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "id = \"F0\"\ntitle = \"t\"\nsource = \"s\"\nset_up = \"u\"\nscenario = \"c\"\n";

    fn with(figure: &str) -> Result<Publication, PublicationError> {
        let text = format!(
            "{HEAD}[[figure]]\nwhat = \"w\"\nvalue = 1\nunit = \"B\"\ntolerance = 0\nmeasure = {figure}\n"
        );
        Publication::parse(&text, "f0.toml")
    }

    fn complaint(figure: &str) -> String {
        let error = with(figure).expect_err("it is wrong");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    }

    #[test]
    fn rules_nest() {
        let text = r#"{ from = "bandwidth", clients = 10, mega = "binary", of = { from = "trials",
            at = { technique = "x", point = { "http.headers" = "minimal" } }, layers = ["message framing"],
            way = "down", per = { session = 5 }, less = 8 } }"#;
        let publication = with(text).expect("it is whole");
        let measure = publication.figures[0].measure.as_ref().expect("there is one");
        let Measure::Bandwidth { of, clients: 10, mega: Mega::Binary } = measure else {
            panic!("{measure:?}")
        };
        assert!(matches!(**of, Measure::Trials { per: Per::Session(5), way: Way::Down, less: 8.0, .. }));
        assert_eq!(measure.trials()[0].point["http.headers"], "minimal");
    }

    #[test]
    fn bounds_and_figures_at_a_load_are_read() {
        let text = r#"{ from = "figure", at = { technique = "x" }, load = 1.5, figure = "p99" }
            is = "above""#;
        let figure = &with(text).expect("it is whole").figures[0];
        assert_eq!(figure.relation, Relation::Above);
        assert!(matches!(figure.measure, Some(Measure::Figure { load: Some(1.5), figure: Figure::P99, .. })));
        let plain = with(r#"{ from = "capacity", at = { technique = "x" } }"#).expect("it is whole");
        assert_eq!(plain.figures[0].relation, Relation::Equal);
    }

    #[test]
    fn unknown_words_are_named_with_their_line_and_what_there_is() {
        let layer =
            complaint(r#"{ from = "trials", at = { technique = "x" }, per = "event", layers = ["heads"] }"#);
        assert!(layer.contains("there is no layer heads; there are: payload, stamp"), "{layer}");
        assert!(layer.contains("line 11"), "{layer}");
        let key = complaint(r#"{ from = "requests", at = { technique = "x", points = {} } }"#);
        assert!(key.contains("unknown field `points`"), "{key}");
    }

    #[test]
    fn a_replay_that_is_not_in_the_file_is_named() {
        let missing = complaint(r#"{ from = "replay", exchange = "poll", count = "wire" }"#);
        assert!(missing.contains("the figure `w` is measured by the replay `poll`"), "{missing}");
    }
}
