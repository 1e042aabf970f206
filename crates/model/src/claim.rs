//! A claim that people repeat, as a TOML file: the words, and the rules by which results decide it. A [`Claim`] that
//! exists can be judged.
//!
//! ```toml
//! id = "C2"
//! claim = "It begins as HTTP, and HTTP is not used again."
//! source = "who says so, where"
//! how = "for people: how the verdict comes about"
//! scenarios = ["chat"]            # in a run with one of these it is judged; rules mean the first unless they name another
//! [[must]]                        # all of them hold, or the claim fails
//! what = "no byte of an HTTP head follows the handshake"
//! rule = { from = "figure", at_most = 0, measure = { from = "trials", at = { technique = "x" }, layers = ["request head"], per = "event" } }
//! [[limit]]                       # what limits the claim, unless its rule holds
//! what = "over HTTP/2 it is a stream of a connection that HTTP goes on using"
//! unless = { from = "nothing", why = "no such trial" }
//! ```

use serde::Deserialize;
use thiserror::Error;

use crate::close_case::EventKind;
use crate::publication::{Measure, Trials};

/// A claim, and how it is judged.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// A short name, such as `C2`.
    pub id: String,
    /// The claim in a sentence or two.
    pub claim: String,
    /// Who says so, where.
    #[serde(default)]
    pub source: String,
    /// How the verdict comes about, for people.
    pub how: String,
    /// A run with one of them is judged. Rules mean the first unless they name another.
    pub scenarios: Vec<String>,
    #[serde(rename = "must")]
    pub musts: Vec<Must>,
    #[serde(default, rename = "limit")]
    pub limits: Vec<Limit>,
}

/// Something without which the claim fails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Must {
    /// What must hold, for people.
    pub what: String,
    pub rule: Rule,
}

/// Something that limits the claim.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The limit, for people.
    pub what: String,
    /// When there is no such limit.
    pub unless: Rule,
}

/// A question to a run's results with yes or no for an answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// A figure lies between two bounds, both included; where chance has a part in it, its whole 95 % interval must.
    Figure { measure: Measure, at_least: Option<f64>, at_most: Option<f64> },
    /// What one technique takes ÷ what another takes lies between two bounds. The whole 95 % interval must.
    Ratio {
        figure: Figure,
        /// The dividend: one point of one scenario.
        of: Trials,
        to: Trials,
        at_least: Option<f64>,
        at_most: Option<f64>,
    },
    /// What a subscriber takes lies between two bounds, both included, in each of these trials.
    Subscriber { at: Trials, takes: Taken, at_least: Option<f64>, at_most: Option<f64> },
    /// All of these trials delivered everything.
    Complete { at: Trials },
    /// In every known browser, each of these techniques took part and all of its trials delivered everything.
    Browsers {
        /// Slugs; left out, those of all techniques that pushbench knows but the baseline, which no page can speak: it is right
        /// on TCP.
        #[serde(default)]
        techniques: Vec<String>,
    },
    /// The native client and every known browser saw these codes' ways of ending as the standards demand.
    CloseCases {
        /// The codes; left out, all that were tried.
        #[serde(default)]
        codes: Vec<u16>,
    },
    /// The native client and every known browser saw each of these events in some way of ending.
    Events { events: Vec<EventKind> },
    /// Nothing that is measured here decides it.
    Nothing { why: String },
}

/// What a subscriber takes, whether or not events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// TCP connections that were opened in the whole trial.
    Connections,
    /// Greetings that it received in the whole trial.
    Greetings,
    /// Wire bytes of both directions between the window's edges.
    Bytes,
    /// Bytes of resident memory that the server grew by until all were connected.
    Memory,
    /// Server processes, for all subscribers together.
    Servers,
}

/// What of two techniques is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Wire bytes of both directions for each event.
    Bytes,
    /// CPU time of the server for each event.
    Cpu,
    /// Median delivery latency.
    P50,
    /// 99th percentile of the delivery latency.
    P99,
    /// Wire bytes of both directions until a subscriber is connected.
    SetUp,
    /// The median time from a subscriber's message to the last event of its answer.
    Answer,
    /// The time until a subscriber is connected, the mean over subscribers.
    FirstEvent,
}

/// Why a file is no claim.
#[derive(Debug, Error)]
pub enum ClaimError {
    #[error("{file} does not describe a claim")]
    Shape { file: String, source: toml::de::Error },
    /// Nothing decides it.
    #[error("{file}: a claim needs a scenario and a [[must]]")]
    Empty { file: String },
    /// A rule that any figure fulfils.
    #[error("{file}: the rule of `{what}` has no bound; give it at_least or at_most")]
    Unbounded {
        file: String,
        /// The check.
        what: String,
    },
}

impl Claim {
    /// Reads a claim from `text`; `file` is how messages name it.
    /// Fails when its shape is wrong, when nothing must hold, or when a rule bounds nothing.
    pub fn parse(text: &str, file: &str) -> Result<Self, ClaimError> {
        let claim: Self =
            toml::from_str(text).map_err(|source| ClaimError::Shape { file: file.to_owned(), source })?;
        if claim.musts.is_empty() || claim.scenarios.is_empty() {
            return Err(ClaimError::Empty { file: file.to_owned() });
        }
        let unbounded = claim.rules().find(|(_, rule)| !rule.is_bounded()).map(|(what, _)| what.to_owned());
        match unbounded {
            Some(what) => Err(ClaimError::Unbounded { file: file.to_owned(), what }),
            None => Ok(claim),
        }
    }

    /// Every rule, with what it stands for.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Rule)> {
        let musts = self.musts.iter().map(|must| (must.what.as_str(), &must.rule));
        musts.chain(self.limits.iter().map(|limit| (limit.what.as_str(), &limit.unless)))
    }
}

impl Rule {
    /// The trials that it asks for by name.
    pub fn trials(&self) -> Vec<&Trials> {
        match self {
            Self::Figure { measure, .. } => measure.trials(),
            Self::Ratio { of, to, .. } => vec![of, to],
            Self::Complete { at } | Self::Subscriber { at, .. } => vec![at],
            Self::Browsers { .. } | Self::CloseCases { .. } | Self::Events { .. } | Self::Nothing { .. } => {
                Vec::new()
            }
        }
    }

    /// Whether it looks at what browsers did.
    pub fn needs_browsers(&self) -> bool {
        matches!(self, Self::Browsers { .. } | Self::CloseCases { .. } | Self::Events { .. })
    }

    fn is_bounded(&self) -> bool {
        match self {
            Self::Figure { at_least, at_most, .. }
            | Self::Ratio { at_least, at_most, .. }
            | Self::Subscriber { at_least, at_most, .. } => at_least.or(*at_most).is_some(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "id = \"C0\"\nclaim = \"It is so.\"\nhow = \"by counting\"\nscenarios = [\"plain\"]\n";

    fn with(rule: &str) -> Result<Claim, ClaimError> {
        Claim::parse(&format!("{HEAD}[[must]]\nwhat = \"it\"\nrule = {rule}\n"), "c0.toml")
    }

    #[test]
    fn rules_name_their_trials() {
        let claim = with(
            r#"{ from = "ratio", figure = "cpu", of = { technique = "a" }, to = { technique = "b" }, at_most = 2 }"#,
        );
        let claim = claim.expect("it is whole");
        let (what, rule) = claim.rules().next().expect("there is one");
        let named: Vec<&str> = rule.trials().iter().map(|at| at.technique.as_str()).collect();
        assert_eq!((what, named), ("it", vec!["a", "b"]));
        assert!(!rule.needs_browsers());
    }

    #[test]
    fn claims_that_nothing_decides_are_refused() {
        let unbounded =
            with(r#"{ from = "ratio", figure = "cpu", of = { technique = "a" }, to = { technique = "b" } }"#);
        assert!(unbounded.expect_err("any ratio would do").to_string().contains("`it` has no bound"));
        let empty = Claim::parse(&format!("{HEAD}must = []\n"), "c0.toml").expect_err("nothing must hold");
        assert!(empty.to_string().contains("needs a scenario and a [[must]]"), "{empty}");
        let misspelt = with(r#"{ from = "browser" }"#).expect_err("there is no such rule");
        let source = std::error::Error::source(&misspelt).map(ToString::to_string).unwrap_or_default();
        assert!(source.contains("unknown variant `browser`") && source.contains("line 7"), "{source}");
    }
}
