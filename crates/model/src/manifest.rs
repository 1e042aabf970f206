//! What a run was, and on what machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::SCHEMA_VERSION;
use crate::trial::Quantiles;

/// A file of a run has another schema version than this program reads.
#[derive(Debug, Error)]
#[error(
    "it has schema version {0}, and this pushbench reads version {SCHEMA_VERSION}; measure again with `pushbench run`, or use the pushbench that wrote it"
)]
pub struct OtherVersion(u32);

/// The version of a run's file. It is read before the other fields, since another version may have other fields.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct FileVersion {
    schema_version: u32,
}

impl FileVersion {
    /// Accepts this program's own version only.
    /// Fails when the file has another version.
    pub fn check(self) -> Result<(), OtherVersion> {
        if self.schema_version == SCHEMA_VERSION { Ok(()) } else { Err(OtherVersion(self.schema_version)) }
    }
}

/// A run's manifest: `manifest.json` in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub schema_version: u32,
    pub pushbench: String,
    /// The commit of the folder that it ran in, when the run began, if known: the program's own when it was built there
    /// and then.
    pub commit: Option<String>,
    /// Whether files under version control differed from the commit then.
    pub dirty: Option<bool>,
    /// The arguments, without the program's path.
    pub command: String,
    /// Wall clock at the start, seconds since 1970.
    pub started_unix_s: u64,
    /// Shuffles the techniques, and decides every trial's own seed.
    pub seed: u64,
    /// Trials planned: of a search those that it took, or, while it is under way, as many as it may take.
    pub planned_trials: u32,
    /// What was left out, by name, and why.
    pub skipped: Vec<Skipped>,
    /// The contestants, in the order of the registry.
    pub techniques: Vec<TechniqueInfo>,
    pub scenarios: Vec<ScenarioInfo>,
    /// Versions of the libraries under measurement.
    pub libraries: BTreeMap<String, String>,
    pub host: Host,
    /// A bare socket ping between two processes on the same cores.
    pub socket_ping: Option<SocketPing>,
    /// Servers that somebody else wrote and that were measured beside pushbench's own.
    #[serde(default)]
    pub targets: Vec<TargetInfo>,
    /// Proxies that stood between load generator and server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<ProxyInfo>,
    /// Published comparisons whose scenarios were run.
    #[serde(default)]
    pub publications: Vec<FileInfo>,
    /// Their printed exchanges, as they crossed a socket.
    #[serde(default)]
    pub replays: Vec<Replay>,
    /// Claims that this run's scenarios decide.
    #[serde(default)]
    pub claims: Vec<FileInfo>,
}

impl Manifest {
    /// Trials that a climb to a bound left out: they were decided about, and not missed.
    pub fn skipped_trials(&self) -> usize {
        self.skipped.iter().filter(|skipped| skipped.what.starts_with("trial ")).count()
    }
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    pub what: String,
    pub why: String,
}

/// A contestant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TechniqueInfo {
    pub slug: String,
    pub label: String,
    pub about: String,
    /// Whether it is the baseline that others are a multiple of.
    pub baseline: bool,
}

/// A server that somebody else wrote, as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetInfo {
    pub name: String,
    pub label: String,
    pub about: String,
    /// What it says of its version, if it was asked.
    pub version: Option<String>,
    /// How an event is published there, for people.
    pub publish: String,
    /// The techniques that it was subscribed by.
    pub techniques: Vec<String>,
    /// The file's text.
    pub text: String,
    /// The file, if it is not one of the project's `targets/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
}

/// A proxy as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyInfo {
    pub name: String,
    pub label: String,
    /// What it says of its version, if it was asked.
    pub version: Option<String>,
    /// The settings by which its configuration `fixed` passes a technique on that its own settings don't, by the technique's slug.
    pub fixes: BTreeMap<String, String>,
    /// The texts of its configurations, by file name.
    pub configurations: BTreeMap<String, String>,
    /// The file's text.
    pub text: String,
}

impl Manifest {
    /// The first target that is not the project's, by its name and its file. What such a run found belongs to that target.
    pub fn outside_target(&self) -> Option<(&str, &str)> {
        self.targets.iter().find_map(|target| Some((target.name.as_str(), target.outside.as_deref()?)))
    }
}

/// A scenario as it was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioInfo {
    pub name: String,
    pub question: String,
    /// How to read the answer.
    pub reading: String,
    /// The swept keys, outermost first.
    pub sweeps: Vec<String>,
    /// The file's text.
    pub text: String,
}

/// A [`publication`](crate::publication) or a [`claim`](crate::claim) as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileInfo {
    pub id: String,
    /// The file's text.
    pub text: String,
}

/// A printed exchange that was sent and answered over a loopback connection, counted at the client's socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    pub publication: String,
    pub exchange: String,
    pub up: ReplayedBytes,
    pub down: ReplayedBytes,
}

/// Bytes of one direction of a replayed exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayedBytes {
    /// All that crossed the socket.
    pub socket: u64,
    /// Of these, the head's line ends: two bytes a line, and two after the last.
    pub line_ends: u64,
    /// Of these, the content after the head.
    pub body: u64,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    pub name: String,
    /// Operating system and kernel.
    pub kernel: String,
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// The frequency governor, where there is one.
    pub governor: Option<String>,
    pub memory_bytes: u64,
    /// Cores of the server; empty when not pinned.
    pub server_cores: Vec<u32>,
    /// Cores of the load generator; empty when not pinned.
    pub load_cores: Vec<u32>,
    /// File descriptors that a process may open.
    pub descriptors: u64,
    /// Kernel settings that matter for latency.
    pub sysctls: BTreeMap<String, String>,
}

/// A bare socket ping between two processes on the cores of server and load generator, at a low rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketPing {
    pub rate_per_s: f64,
    /// Half of the round-trip time.
    pub one_way: Quantiles,
    pub round_trip: Quantiles,
}
