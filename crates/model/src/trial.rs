//! A trial's plan, outcome and record.
//!
//! The supervisor gives a [`TrialSpec`] to `pushbench load` on its standard input, gets a [`TrialOutcome`] on its
//! standard output, and stores a [`TrialRecord`].

mod capacity;
mod disturbance;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::byte_account::Account;
use crate::settings::Settings;
use crate::target::{Publish, Subscription, Tls};
use crate::warning::Warning;

pub use self::capacity::{Counted, KernelMemory, SearchStep, ServerRestart, SlowConsumerOutcome, Verdict};
pub use self::disturbance::{
    Disturbance, MOST_OTHER_WORK, MOST_SCHEDULING_DELAY_NS, MachineActivity, REPEATS,
};

/// The input of `pushbench load`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialSpec {
    pub technique: String,
    pub server: ServerSpec,
    /// Further processes of it. Each gets every event; a subscriber is at one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_servers: Vec<ServerSpec>,
    /// How to publish to a server that somebody else wrote, and how to subscribe there; none for pushbench's own.
    pub target: Option<TargetSpec>,
    /// Cores of the load generator; empty when nothing is pinned.
    pub load_cores: Vec<u32>,
    /// Cores of the server, for the scheduling delay thread there; empty when nothing is pinned.
    pub server_cores: Vec<u32>,
    pub settings: Settings,
    /// Decides send times and payloads.
    pub seed: u64,
}

impl TrialSpec {
    /// A trial of `technique` at one server of ours, with seed 0 and nothing pinned.
    pub fn new(technique: &str, server: ServerSpec, settings: Settings) -> Self {
        Self {
            technique: technique.to_owned(),
            server,
            further_servers: Vec::new(),
            target: None,
            load_cores: Vec::new(),
            server_cores: Vec::new(),
            settings,
            seed: 0,
        }
    }

    /// All server processes, at least one.
    pub fn servers(&self) -> impl Iterator<Item = &ServerSpec> {
        std::iter::once(&self.server).chain(&self.further_servers)
    }
}

/// A server process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSpec {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its certificate, DER in base64; none without TLS. Exactly it is trusted.
    pub certificate: Option<String>,
    /// The feed's Unix socket; none where events are published by POST.
    pub feed: Option<String>,
    /// Its number: for its CPU clock, its memory, and the stall. None of a server whose processes cannot be read.
    pub pid: Option<u32>,
    /// The proxy's process, if `address` is that of a proxy before the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<u32>,
}

impl ServerSpec {
    /// A server of which only the address is known.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, certificate: None, feed: None, pid: None, proxy: None }
    }
}

/// How to publish to a target, and how to subscribe. It may be several processes, all below the one that the
/// spec's server names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// Further processes that the target is, each with all below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_pids: Vec<u32>,
    pub publish: Publish,
    pub subscription: Subscription,
    /// How its certificate is checked, with the text of `ca` in place of the path; none without TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// What `pushbench load` found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialOutcome {
    pub counts: Counts,
    /// Quantiles of the delivery latency (receive − intended send); none when nothing was delivered.
    pub delivery: Option<Quantiles>,
    /// Quantiles of the service time (receive − actual send).
    pub service: Option<Quantiles>,
    /// Quantiles of receive − intended send of messages that went up to the application.
    pub uplink_delivery: Option<Quantiles>,
    pub bytes: BytesByPhase,
    pub set_up: SetUp,
    /// Segments at the subscribers' sockets, counted by the kernel.
    pub segments: SegmentsByPhase,
    /// What the events' payloads are like; none when none was published.
    pub payload: Option<PayloadProfile>,
    /// What requests and answers said: one of each kind of exchange.
    pub heads: Vec<RecordedHead>,
    /// What a server of others sent beside messages.
    #[serde(default, skip_serializing_if = "ControlTraffic::is_none")]
    pub control: ControlTraffic,
    /// Every flight at the subscribers' sockets, in order, of a traced trial.
    pub trace: Vec<Flight>,
    pub cost: Cost,
    pub instrument: Instrument,
    /// The clock of a client that has one of its own: a browser's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClientClock>,
    /// How a server's restart went; none in a trial without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_restart: Option<ServerRestart>,
    /// What became of the subscribers that did not keep up; none in a trial without such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_consumers: Option<SlowConsumerOutcome>,
    pub warnings: Vec<Warning>,
    /// Histograms, HdrHistogram V2 + deflate in base64, by their tag: `delivery`, `service`, `first-event`, `event-gap`, `answer`, `uplink`,
    /// `schedule-lag`, `publish-call`, `scheduling-delay-load`, `scheduling-delay-server`. Nanoseconds.
    pub histograms: BTreeMap<String, String>,
}

/// What was sent, delivered, lost. Only events whose intended send time lies in the window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Events that the publisher handed over.
    pub published: u64,
    /// Deliveries that must come of them and of the subscribers' own messages: events × subscribers of the channel.
    pub expected: u64,
    /// Deliveries that came, each counted once.
    pub delivered: u64,
    /// Expected and not delivered by the end of the drain.
    pub lost: u64,
    /// Delivered again.
    pub duplicate: u64,
    /// Delivered to subscribers of other channels, by servers of others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub foreign: u64,
    /// Delivered after a later one.
    pub reordered: u64,
    /// Messages of the window that the subscribers were due to send.
    pub uplink_due: u64,
    /// Messages that the subscribers sent.
    pub uplink_sent: u64,
    /// Of these, such as reached the application; only with `to = "application"`.
    pub uplink_received: u64,
    /// Greetings that subscribers received, in the whole trial.
    pub greetings: u64,
    /// Answers, frames or chunks that carried events, between the window's edges.
    pub responses: u64,
    /// Answers that carried none, between the window's edges.
    pub empty_responses: u64,
    /// Expected events in these responses, each once for each subscriber, between the window's edges whatever their intended
    /// send time: the divisor for bytes and CPU. What comes again or in a wrong channel makes no event cheaper.
    pub events_in_window: u64,
    /// HTTP requests that were sent, between the window's edges.
    pub requests: u64,
    /// TCP connections that were opened in the whole trial.
    pub connections: u64,
    /// Connections that broke and were made again, in the whole trial.
    pub reconnects: u64,
}

/// Quantiles of a histogram, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    pub count: u64,
    pub min_ns: u64,
    pub mean_ns: f64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p99_ns: u64,
    pub p99_9_ns: u64,
    pub max_ns: u64,
}

/// Bytes at the subscribers' sockets, both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BytesByPhase {
    /// From the first connection to the window's start.
    pub before_window: Account,
    /// Between the window's edges.
    pub window: Account,
    /// The whole trial, until every connection was closed.
    pub total: Account,
    /// Bytes that were read from the sockets in the whole trial; equals `total.down.wire()`.
    pub socket_read: u64,
    /// Bytes that were written to the sockets in the whole trial; equals `total.up.wire()`.
    pub socket_written: u64,
}

/// What it took until the subscribers were connected: each counted from its own start to its own first message or
/// answer, so that nothing of what comes later is in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    pub subscribers: u64,
    /// Bytes of all of them together.
    pub account: Account,
    /// From a subscriber's start until it was connected.
    pub elapsed: Option<Quantiles>,
    /// From a subscriber's start to the server's greeting, its first message, which can come before it is connected for good
    /// (Socket.IO's upgrade); none where nobody is greeted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_message: Option<Quantiles>,
    /// CPU time of the server from before the first connection until all were connected.
    pub server_cpu_ns: u64,
    /// From when all were allowed to connect until all were connected.
    #[serde(default)]
    pub all_ns: u64,
}

/// Segments, by phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentsByPhase {
    /// Between the window's edges.
    pub window: Segments,
    /// The whole trial, until each socket was closed; what the kernel sent for it afterwards is not in it.
    pub total: Segments,
}

/// TCP segments at the subscribers' sockets (`TCP_INFO`), as a path of 1500 bytes would carry them: the sockets' maximum
/// segment size is set so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segments {
    /// From client to server.
    pub up: SegmentCount,
    /// From server to client.
    pub down: SegmentCount,
    /// Of those that went up, such as were sent again.
    pub retransmitted_up: u64,
}

/// Segments of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentCount {
    /// All, pure acknowledgements included.
    pub segments: u64,
    /// Those that carried data.
    pub with_data: u64,
    /// Their IP and TCP headers, options included (RFC 791, RFC 9293, RFC 7323).
    pub header_bytes: u64,
}

crate::field_wise!(SegmentCount { segments, with_data, header_bytes });
crate::field_wise!(Segments { up, down, retransmitted_up });

/// What payloads are like. A string of x's compresses to nothing and proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PayloadProfile {
    /// How many payloads this was measured on.
    pub measured: u64,
    /// Shannon entropy of the single bytes, in bits.
    pub entropy_bits_per_byte: f64,
    /// One payload deflated (RFC 1951) ÷ itself, in the mean: nothing is known of the others.
    pub deflated_alone: f64,
    /// All of them in one stream, deflated ÷ themselves.
    pub deflated_together: f64,
}

/// Frames, events, lines and bodies that hold no message: welcomes, pings, acknowledgements. Their bytes are of the layer `control`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlTraffic {
    /// How many came in the whole trial.
    pub messages: u64,
    /// The first few different ones, cut to 200 bytes.
    pub first: Vec<String>,
}

impl ControlTraffic {
    fn is_none(&self) -> bool {
        self.messages == 0
    }
}

/// What one kind of exchange said; theory makes bytes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedHead {
    /// `poll`, `empty-poll`, `stream`, `websocket`, `post`.
    pub exchange: String,
    pub method: String,
    /// Its target: path and query.
    pub target: String,
    /// Its header fields in order, names in lower case.
    pub request: Vec<(String, String)>,
    pub status: u16,
    /// Its header fields in order, names in lower case.
    pub response: Vec<(String, String)>,
}

/// Bytes that crossed a subscriber's socket at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flight {
    /// Nanoseconds since the first connection was asked for: up when the client wrote it, down when it came to the socket.
    pub at_ns: u64,
    /// Down: when the subscriber was handed it, later by the added delay. Up: as `at_ns`.
    pub handed_ns: u64,
    /// Which subscriber, from 0.
    pub subscriber: u32,
    /// Which of its connections, from 0.
    pub connection: u32,
    pub direction: Direction,
    pub bytes: u64,
    /// What it is, for people: `GET /events`, `200, 2 events`, `204`, `chunk, 1 event`, `text frame, 1 event`, `opens`, `closes`.
    pub what: String,
    /// Events that it carried.
    pub events: u32,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// What the kernel's loopback counters of a network namespace saw of a trial that ran alone in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Packets that were sent, as they crossed here: segmentation offload lets one be longer than 1500 bytes.
    pub packets: u64,
    /// Their bytes, IP header included.
    pub bytes: u64,
    /// Segments that were sent again, both directions.
    pub retransmitted: u64,
    /// Connections that were opened.
    pub connections: u64,
}

/// What the work cost, between the window's edges. What the server cost is left out where its processes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The time between the readings.
    pub elapsed_ns: u64,
    /// CPU time of all server processes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub server_cpu_ns: u64,
    /// The same of each process that took part in it, where a target is several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_processes: Vec<ProcessCost>,
    /// CPU time of all processes of the proxy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub proxy_cpu_ns: u64,
    /// CPU time of all load generator processes.
    pub load_cpu_ns: u64,
    /// Anonymous resident memory of the server (heap and stacks, not its program's pages) before the first connection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub server_rss_start_bytes: u64,
    /// The same with all subscribers connected, before the first event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub server_rss_connected_bytes: u64,
    /// The same at the window's end, retained events included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub server_rss_end_bytes: u64,
    /// Voluntary context switches of the server.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub server_voluntary_switches: u64,
    /// Involuntary context switches of the server.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub server_involuntary_switches: u64,
    /// Kernel memory before the first connection and with all subscribers connected; none where it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_memory: Option<KernelMemory>,
    /// What a tool counted of the server; none in a trial whose times mean something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// What one of a target's processes cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessCost {
    pub pid: u32,
    /// The start of its program's name.
    pub name: String,
    pub cpu_ns: u64,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// How well the stopwatch itself went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// Pick-up by the schedule's thread − intended send time.
    pub schedule_lag: Option<Quantiles>,
    /// How long the server took to answer posts, of the whole trial; none where the feed is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_call: Option<Quantiles>,
    /// How late a thread on the load generator's core wakes.
    pub scheduling_delay_load: Option<Quantiles>,
    /// How late a thread on the server's core wakes.
    pub scheduling_delay_server: Option<Quantiles>,
    /// How fast the server's core was in the window.
    pub server_core_speed: Option<CoreSpeed>,
    /// CPU time ÷ (elapsed × cores) of the load generator, 0–1.
    pub load_busy: f64,
}

/// A fixed piece of work, done again and again while a core had nothing else to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoreSpeed {
    /// How often a message of 150 B was written to a socket and read from its other end.
    pub exchanges: u64,
    /// CPU time of all of them.
    pub cpu_ns: u64,
}

/// What an exchange takes on a core of standard speed. It only sets the unit of CPU times: about what it took on the machine of the first run.
pub const STANDARD_EXCHANGE_NS: f64 = 1_300.0;

impl CoreSpeed {
    /// Fewer exchanges say little: a core that the server keeps busy has no time for them.
    const ENOUGH: u64 = 800;

    /// So much CPU time as a core of [standard](STANDARD_EXCHANGE_NS) speed would have needed, where this one has that speed; as measured
    /// where it is not known.
    pub fn standard_ns(speed: Option<Self>, cpu_ns: u64) -> f64 {
        let exchange_ns = speed.and_then(Self::exchange_ns);
        cpu_ns as f64 * exchange_ns.map_or(1.0, |exchange_ns| STANDARD_EXCHANGE_NS / exchange_ns)
    }

    /// CPU time of one exchange; none of too few.
    pub fn exchange_ns(self) -> Option<f64> {
        (self.exchanges >= Self::ENOUGH).then(|| self.cpu_ns as f64 / self.exchanges as f64)
    }
}

/// A page's clock, and how far it can be off the server's. Its receive times are `performance.now()` plus the offset to
/// the server's `CLOCK_MONOTONIC`, found by asking the server for its time (Cristian's algorithm).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientClock {
    /// The smallest step between two readings that were seen.
    pub resolution_ns: u64,
    /// The offset is known to within this much, either way; the widest of the trial's pages.
    pub offset_bound_ns: u64,
    /// How often the server was asked, a page.
    pub exchanges: u32,
    /// Whether the page was cross-origin isolated, which makes the clock finer.
    pub isolated: bool,
}

/// A trial's record: one JSON file each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    pub schema_version: u32,
    /// Position in the plan, from 0; the trials of a search share one.
    pub index: u32,
    pub key: TrialKey,
    /// The technique's name for people.
    pub technique_label: String,
    /// The technique's place in the registry: its place in tables, and its colour.
    pub technique_order: u32,
    pub settings: Settings,
    /// Decided send times and payloads.
    pub seed: u64,
    /// Wall clock at the trial's start, seconds since 1970.
    pub started_unix_s: u64,
    /// How long the trial took in all.
    pub took_ns: u64,
    pub result: TrialResult,
    /// What the kernel counted of an observed trial; none of any other.
    pub observed: Option<Observed>,
    /// Which step of a search for the capacity this was; none of a trial whose rate the scenario gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchStep>,
    /// Offered rate ÷ the technique's own capacity, where the scenario asks for a share of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Which attempt, from 0: a disturbed trial is repeated, and all attempts stay.
    #[serde(default)]
    pub attempt: u32,
    /// What the trial's cores did beside it; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineActivity>,
    /// Why the trial is no evidence: the machine did something else. None in a trial that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disturbance: Option<Disturbance>,
    /// The file with the histograms while the run lasts, relative to its folder, see [`results`](crate::results); none in a failed
    /// trial without any.
    pub histograms: Option<String>,
}

/// Which trial: scenario × point × technique × repetition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialKey {
    pub scenario: String,
    /// The values of the swept keys, as written in the scenario file; empty without a sweep.
    pub point: BTreeMap<String, String>,
    pub technique: String,
    /// The name of the server that somebody else wrote; none for pushbench's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// From 0.
    pub repetition: u32,
}

/// What came out of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum TrialResult {
    /// Every expected event was delivered.
    Complete(Box<TrialOutcome>),
    /// It ran to its end, and events are missing.
    Incomplete(Box<TrialOutcome>),
    /// It did not run to its end.
    Failed(Failure),
}

impl TrialResult {
    /// What was measured, also when events are missing.
    pub fn outcome(&self) -> Option<&TrialOutcome> {
        match self {
            Self::Complete(outcome) | Self::Incomplete(outcome) => Some(outcome),
            Self::Failed(_) => None,
        }
    }
}

/// Why a trial did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub side: Side,
    pub reason: String,
}

impl Failure {
    /// What a reason contains where subscribers waited for an answer that never came.
    pub const SILENCE: &str = "the server does not answer";
    /// What a reason contains where not all subscribers could connect.
    pub const NOT_CONNECTED: &str = "subscribers are connected after";
}

/// A side of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Server,
    /// The proxy does not pass on what the technique needs. That is a result, as a capacity is, and no failed run.
    Proxy,
    Load,
    /// The supervisor itself, or the machine under it.
    Supervisor,
}
