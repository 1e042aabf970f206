//! A server's settings, made of a trial's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::settings::SlowConsumers;
pub use model::settings::{Compression, EmptyAnswer, Frames, HttpVersion, Implementation, UplinkTo};

use crate::tls::TlsServer;

/// All settings of a server. A technique reads those that concern it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What lies between the technique and TCP.
    pub transport: Transport,
    /// Whether events pass through the libraries.
    pub implementation: Implementation,
    /// What a client may use up.
    pub limits: Limits,
    /// What becomes of a subscriber that fell out of the replay window.
    pub lag_policy: LagPolicy,
    /// How long a channel's events are held, from the first one on, to be sent together; zero to send each at once. The timer
    /// ticks in milliseconds, and none early.
    pub coalescing: Duration,
    /// Long polling: how long a request is held before it is answered that there is nothing.
    pub hold: Duration,
    /// Streams and WebSocket: after how much silence a sign of life is sent; zero for never.
    pub heartbeat: Duration,
    /// Streams: whether `x-accel-buffering: no` asks proxies not to buffer them.
    pub unbuffered: bool,
    /// Server-Sent Events: the `retry` field, how long a client waits before it connects again; zero leaves it out.
    pub retry: Duration,
    /// Short polling: what an answer without events looks like.
    pub empty: EmptyAnswer,
    /// WebSocket: the opcode of data frames.
    pub frames: Frames,
    /// Where a subscriber's own messages go.
    pub uplink: UplinkTo,
    /// Streams: an answer to a `POST` ends behind an event whose number is a multiple of this; none where it never ends.
    pub turn_events: Option<u64>,
    /// Whether a fresh subscriber is greeted with a message of its own.
    pub greeting: bool,
    /// What the HTTP servers serve beside the technique: pages, and the server's clock for them.
    pub pages: Option<Arc<Pages>>,
    /// HTTP: whether pages of other origins may read the answers (`access-control-allow-origin`, Fetch §3.3.3).
    pub cross_origin: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            transport: Transport::default(),
            implementation: Implementation::default(),
            limits: Limits::default(),
            lag_policy: LagPolicy::Disconnect,
            coalescing: Duration::ZERO,
            hold: Duration::from_secs(25),
            heartbeat: Duration::from_secs(15),
            unbuffered: false,
            retry: Duration::from_secs(1),
            empty: EmptyAnswer::NoContent,
            frames: Frames::Text,
            uplink: UplinkTo::Channel,
            turn_events: None,
            greeting: false,
            pages: None,
            cross_origin: false,
        }
    }
}

impl From<&model::settings::Settings> for Settings {
    /// The settings of a trial's server. TLS and pages need files, so the caller adds them.
    fn from(trial: &model::settings::Settings) -> Self {
        let slow = trial.slow_consumers.as_ref();
        let retained = slow.map_or(SlowConsumers::RETAINED_EVENTS, |slow| slow.retained_events);
        let idle_ns = slow.map_or(SlowConsumers::IDLE_TIMEOUT_NS, |slow| slow.idle_timeout_ns);
        let transport = &trial.transport;
        Self {
            transport: Transport { tls: None, http: transport.http, compression: transport.compression },
            implementation: trial.implementation,
            limits: Limits {
                replay_events: retained as usize,
                idle: Duration::from_nanos(idle_ns),
                ..Limits::default()
            },
            coalescing: Duration::from_nanos(trial.coalescing.window_ns),
            hold: Duration::from_nanos(trial.long_polling.hold_ns),
            heartbeat: Duration::from_nanos(trial.heartbeat_ns),
            unbuffered: trial.http.unbuffered,
            empty: trial.short_polling.empty,
            frames: trial.websocket.frames,
            uplink: trial.uplink.as_ref().map_or(UplinkTo::Channel, |uplink| uplink.to),
            turn_events: trial.turn.map(|turn| u64::from(turn.events)),
            greeting: trial.greeting,
            ..Self::default()
        }
    }
}

/// Events that are there together are sent together, up to about so many bytes.
const RUN_BYTES: usize = 64 * 1024;

impl Settings {
    /// Up to how many bytes of events are sent together; one event is sent in any case. A library takes one at a time.
    pub fn run_bytes(&self) -> usize {
        match self.implementation {
            Implementation::Lean => RUN_BYTES,
            Implementation::Library => 1,
        }
    }
}

/// What lies between the technique and TCP. A technique takes no notice of what means nothing to it.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// TLS; without it, everything goes on bare TCP.
    pub tls: Option<Arc<TlsServer>>,
    /// The version of HTTP; no other is spoken.
    pub http: HttpVersion,
    /// What is done to the messages' bytes.
    pub compression: Compression,
}

/// What a client may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head; more is answered 431.
    pub header_bytes: usize,
    /// Bytes of a request's body; more is answered 413.
    pub body_bytes: usize,
    /// Bytes of one message, whichever way it came; WebSocket answers more with 1009.
    pub message_bytes: usize,
    /// Connections at a time; one more is answered 503, or closed where there is no HTTP.
    pub connections: usize,
    /// HTTP/2: requests under way on one connection; one more is reset with `REFUSED_STREAM`. A subscriber that sends
    /// has up to two.
    pub streams: u32,
    /// How long a client may take for a TLS handshake, a request or a hello, leave what was sent to it unread, and an HTTP connection
    /// may lie idle.
    pub idle: Duration,
    /// Events that a channel retains for subscribers that resume or are slow, as they go on the wire. It bounds a channel's
    /// memory to about this many times `message_bytes`, and 192 KiB more.
    pub replay_events: usize,
    /// Channels are numbered from 0 to one below this.
    pub channels: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 16 * 1024,
            body_bytes: 64 * 1024,
            message_bytes: 64 * 1024,
            connections: 16_384,
            streams: 2_048,
            idle: Duration::from_secs(60),
            replay_events: 4_096,
            channels: 1_024,
        }
    }
}

/// What becomes of a subscriber that fell out of the replay window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LagPolicy {
    /// It gets the number of events that it missed, and is closed.
    Disconnect,
    /// It goes on at the oldest event that is retained; the gap is counted in [`Hub::skipped`](crate::Hub::skipped).
    Skip,
}

/// Where the clock is asked: nanoseconds of `CLOCK_MONOTONIC` in decimal digits.
pub const CLOCK: &str = "/clock";

/// A file of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Where it is served, such as `/` or `/bench/main.js`.
    pub path: &'static str,
    /// What it is, as `content-type`.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
}

/// The files by their paths.
#[derive(Debug, Clone, Default)]
pub struct Pages(BTreeMap<&'static str, File>);

impl Pages {
    /// Serves these; of two with the same path, the later one.
    pub fn new(files: impl IntoIterator<Item = File>) -> Self {
        Self(files.into_iter().map(|file| (file.path, file)).collect())
    }

    /// The file at this path.
    pub(crate) fn find(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }
}
