//! All settings of one trial: the same structure reaches the server, the load generator and
//! the trial's record. Axes are values.

mod scale;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::scale::{Backoff, Coalescing, Counter, Processes, Restart, SlowConsumers, Stall};

/// The settings of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub events: Events,
    pub subscribers: Subscribers,
    /// What the subscribers send themselves; none in a one-way scenario.
    pub uplink: Option<Uplink>,
    /// Events come only as answers to the subscribers' messages; none where they come by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    pub http: Http,
    pub transport: Transport,
    #[serde(default)]
    pub implementation: Implementation,
    /// The proxy between load generator and server, a word of [`THROUGH`]; none for a direct connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    pub short_polling: ShortPolling,
    pub long_polling: LongPolling,
    pub websocket: WebSocket,
    #[serde(default)]
    pub socketio: SocketIo,
    #[serde(default)]
    pub client: Client,
    #[serde(default)]
    pub publisher: Publisher,
    /// Events that may be posted and not answered yet, each on a connection of its own.
    #[serde(default = "publisher_in_flight")]
    pub publisher_in_flight: u32,
    /// Whether the server greets a new subscriber with a message of its own.
    pub greeting: bool,
    /// After how much silence a server sends a sign of life; 0 for never.
    #[serde(default = "heartbeat_ns")]
    pub heartbeat_ns: u64,
    pub phases: Phases,
    /// What the scenario calls good enough; none when it does not judge.
    pub bound: Option<Bound>,
    /// A pause of the whole server process in the window; none in an undisturbed trial.
    pub stall: Option<Stall>,
    /// A restart of the server in the window; none in an undisturbed trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Subscribers that read slowly, or stop; none when everybody keeps up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_consumers: Option<SlowConsumers>,
    #[serde(default)]
    pub coalescing: Coalescing,
    #[serde(default)]
    pub processes: Processes,
    /// What is counted of the server by a tool that slows it down; none in a trial whose times mean something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counter>,
    /// Whether the trial runs in a network namespace of its own, where the kernel's counters see nothing else.
    pub observed: bool,
    /// Whether every flight at the subscribers' sockets is recorded with its time.
    pub traced: bool,
}

impl Default for Settings {
    /// What a scenario file that says nothing means.
    fn default() -> Self {
        const MS: u64 = 1_000_000;
        const S: u64 = 1_000 * MS;
        Self {
            events: Events {
                rate_per_s: 0.0,
                pace: Pace::Constant,
                payload_bytes: 100,
                payload: Payload::Text,
            },
            subscribers: Subscribers { count: 1, channels: 1, added_delay_ns: 0 },
            uplink: None,
            turn: None,
            http: Http { headers: HeaderProfile::Browser, keep_alive: true, unbuffered: false },
            transport: Transport::default(),
            implementation: Implementation::default(),
            through: None,
            short_polling: ShortPolling { interval_ns: S, empty: EmptyAnswer::NoContent },
            long_polling: LongPolling { hold_ns: 25 * S },
            websocket: WebSocket { frames: Frames::Text },
            socketio: SocketIo::default(),
            client: Client::default(),
            publisher: Publisher::default(),
            publisher_in_flight: publisher_in_flight(),
            greeting: false,
            heartbeat_ns: heartbeat_ns(),
            phases: Phases { warm_up_ns: S, window_ns: 2 * S, drain_ns: 5 * S },
            bound: None,
            stall: None,
            restart: None,
            slow_consumers: None,
            coalescing: Coalescing::default(),
            processes: Processes::default(),
            counted: None,
            observed: false,
            traced: false,
        }
    }
}

/// The meaning of records without the field.
fn heartbeat_ns() -> u64 {
    15_000_000_000
}

/// The meaning of records without the field.
fn publisher_in_flight() -> u32 {
    1
}

/// What the publisher sends through the feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Offered rate in events per second and channel; 0 when only the subscribers send.
    pub rate_per_s: f64,
    pub pace: Pace,
    /// Payload bytes of an event, without the stamp.
    pub payload_bytes: u32,
    pub payload: Payload,
}

/// How send times are spaced. All are absolute and fixed in advance by the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// This many events at the same instant, with equal gaps between the bursts; the mean rate stays.
    Burst(u32),
}

/// What a payload is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// Printable characters from the seed.
    Text,
    /// `{"content":"…","timestamp":…}`, as a chat sends it.
    Chat,
    /// A JSON object with words, numbers and identifiers, as an application sends it: what compression is tried on.
    Json,
}

/// Who receives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribers {
    /// How many there are in all.
    pub count: u32,
    /// Over how many channels (rooms) they are spread, evenly.
    pub channels: u32,
    /// Held back on the receiving side before it is handed on, a stand-in for one-way delay.
    pub added_delay_ns: u64,
}

/// What each subscriber sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uplink {
    /// Messages per second and subscriber.
    pub rate_per_s: f64,
    pub pace: Pace,
    /// Payload bytes of a message, without the stamp.
    pub payload_bytes: u32,
    pub to: UplinkTo,
}

/// A subscriber's message, which the application answers with events, as a language model answers a prompt with tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Events of an answer: the first as the message reaches the application, the others at the events' rate.
    pub events: u32,
}

/// Where the server takes a subscriber's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UplinkTo {
    /// To everybody in the sender's channel, the sender included.
    Channel,
    /// To the application behind the server, by the feed.
    Application,
}

/// What all HTTP requests share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub headers: HeaderProfile,
    /// Whether polls and posts reuse their connection; if not, each request has one of its own.
    pub keep_alive: bool,
    /// Whether streams ask proxies not to buffer them, by `x-accel-buffering: no`.
    #[serde(default)]
    pub unbuffered: bool,
}

/// What a scenario's `through` may be: a file in `targets/proxies`, with the package's own settings, or behind the hyphen with another
/// of its configurations. `fixed` has the settings that pass every technique on; `tcp` forwards TCP unread, and so TLS, too.
pub const THROUGH: &[&str] = &[
    "nothing",
    "nginx",
    "nginx-fixed",
    "haproxy",
    "haproxy-fixed",
    "haproxy-tcp",
    "caddy",
    "caddy-fixed",
    "varnish",
    "varnish-fixed",
    "apache2",
    "apache2-fixed",
];

/// A proxy's configuration with the settings of its package.
pub const DEFAULT_VARIANT: &str = "default";

/// A word of [`THROUGH`] as the proxy's name and its configuration's: `nginx` and `default`, `nginx` and `fixed`.
pub fn proxy(through: &str) -> (&str, &str) {
    through.split_once('-').unwrap_or((through, DEFAULT_VARIANT))
}

/// A set of request headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderProfile {
    /// Only what the protocol demands.
    Minimal,
    /// What a current Chromium sends to its own origin.
    Browser,
    /// The same with a cookie of 1 KiB.
    #[serde(rename = "browser+session")]
    BrowserSession,
}

/// What lies between the technique and TCP. A technique takes no notice of what means nothing to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// TLS 1.3 (RFC 8446) under everything: `https`, `wss`.
    pub tls: bool,
    /// Whether a later connection resumes the TLS session of an earlier one (RFC 8446 §2.2).
    pub resumption: bool,
    pub http: HttpVersion,
    /// HTTP/2: how many subscribers share a connection.
    pub per_connection: u32,
    pub compression: Compression,
}

/// The version of HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// RFC 9112.
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    /// RFC 9113: by ALPN over TLS, with prior knowledge without.
    #[serde(rename = "2")]
    Http2,
}

/// What is done to the messages' bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    #[default]
    None,
    /// `permessage-deflate` (RFC 7692) for WebSocket, `content-encoding: gzip` (RFC 1952) for polls and streams, where
    /// the client offers it.
    Deflate,
}

/// How pushbench's own server sends events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Implementation {
    /// Encoded once for all subscribers, and past hyper, tungstenite and socketioxide.
    #[default]
    Lean,
    /// Through these libraries, an event at a time, as their own examples do it. Raw TCP has no library.
    Library,
}

impl Default for Transport {
    /// HTTP/1.1 on bare TCP.
    fn default() -> Self {
        Self {
            tls: false,
            resumption: false,
            http: HttpVersion::Http1,
            per_connection: 1,
            compression: Compression::None,
        }
    }
}

/// Short polling's own values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShortPolling {
    /// From one poll to the next; 0 polls again at once.
    pub interval_ns: u64,
    pub empty: EmptyAnswer,
}

impl ShortPolling {
    /// The technique's slug: its interval bounds how short a warm-up may be, and how long a trial takes.
    pub const TECHNIQUE: &str = "short-polling";
}

/// What an answer without events looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EmptyAnswer {
    /// `204 No Content`.
    NoContent,
    /// `304 Not Modified`, to `If-None-Match`.
    NotModified,
}

/// Long polling's own values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPolling {
    /// How long the server holds a request before it answers that there is nothing.
    pub hold_ns: u64,
}

/// WebSocket's own values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSocket {
    pub frames: Frames,
}

/// The opcode of data frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Frames {
    /// Opcode 1.
    Text,
    /// Opcode 2.
    Binary,
}

/// Socket.IO's own values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SocketIo {
    pub transports: SocketIoTransports,
}

impl SocketIo {
    /// The technique's slug.
    pub const TECHNIQUE: &str = "socketio";
}

/// Which transports of Engine.IO (protocol 4) a session goes through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SocketIoTransports {
    /// HTTP long polling from start to end.
    Polling,
    /// HTTP long polling first, then WebSocket: the official client's default.
    #[default]
    Upgrade,
    /// WebSocket from the start.
    Websocket,
}

/// Who subscribes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// pushbench's load generator.
    #[default]
    Native,
    /// A page in Chromium.
    Chromium,
    /// A page in Firefox.
    Firefox,
}

/// How events come to the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Publisher {
    /// By the feed, a Unix socket of the server's own.
    #[default]
    Feed,
    /// By HTTP POST, an event each, as servers that others wrote take them.
    Post,
}

/// How long each phase lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Events flow and are not counted.
    pub warm_up_ns: u64,
    /// Events whose intended send time lies in here count.
    pub window_ns: u64,
    /// At most this long is an event of the window awaited after the window's end.
    pub drain_ns: u64,
}

/// What the scenario calls good enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The p99 delivery latency at most.
    pub p99_ns: u64,
}
