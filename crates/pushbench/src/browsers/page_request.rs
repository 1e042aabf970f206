//! Requests to the page: what to subscribe to, what to expect, and what to send when. Times, phases and payloads are those of
//! the native load generator.

use loadgen::assignment::Assignment;
use loadgen::publisher::{events_schedule, uplink_schedule};
use loadgen::schedule::Due;
use loadgen::schedule::Timing;
use loadgen::schedule::payload::{PayloadError, PayloadSource};
use loadgen::schedule::{self, Purpose};
use model::settings::{Frames, Settings, SocketIoTransports, UplinkTo};
use model::trial::TrialSpec;
use protocol::message::{Message, Stamp};
use serde::Serialize;

use super::page_clock::PageClock;

/// Argument of `bench.connect`.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectRequest<'a> {
    slug: &'a str,
    settings: PageSettings,
    subscribers: Vec<Subscriber>,
    limit_ms: u64,
}

#[derive(Debug, Serialize)]
struct PageSettings {
    poll_interval_ms: f64,
    frames: Frames,
    transports: SocketIoTransports,
}

#[derive(Debug, Serialize)]
struct Subscriber {
    channel: u32,
    /// None for one that waits for a greeting, which sets its cursor.
    after: Option<u64>,
    phase_ms: f64,
}

impl<'a> ConnectRequest<'a> {
    /// All subscribers of a trial, connected within `limit_ms`.
    pub(crate) fn new(spec: &'a TrialSpec, assignment: Assignment, limit_ms: u64) -> Self {
        let settings = &spec.settings;
        let interval_ns = settings.short_polling.interval_ns;
        let subscriber = |index| Subscriber {
            channel: assignment.channel_of(index),
            after: (!settings.greeting).then_some(0),
            phase_ms: phase_ns(spec.seed, index, interval_ns) as f64 / 1e6,
        };
        Self {
            slug: &spec.technique,
            settings: PageSettings {
                poll_interval_ms: interval_ns as f64 / 1e6,
                frames: settings.websocket.frames,
                transports: settings.socketio.transports,
            },
            subscribers: (0..assignment.subscribers()).map(subscriber).collect(),
            limit_ms,
        }
    }
}

fn phase_ns(seed: u64, subscriber: u32, interval_ns: u64) -> u64 {
    let mut rng = schedule::rng(seed, Purpose::PollPhase, u64::from(subscriber));
    if interval_ns == 0 { 0 } else { rng.u64(..interval_ns) }
}

/// Argument of `bench.run`.
#[derive(Debug, Serialize)]
pub(crate) struct RunRequest {
    window: [String; 2],
    expected: Vec<u64>,
    sends: Vec<Vec<(f64, String)>>,
    offset_ns: String,
    until_ms: f64,
}

impl RunRequest {
    /// The phases of a trial in the page's time.
    pub(crate) fn new(
        spec: &TrialSpec,
        assignment: Assignment,
        timing: Timing,
        clock: &PageClock,
    ) -> Result<Self, PayloadError> {
        let digits = |ns: u64| format!("{ns:016x}");
        Ok(Self {
            window: [digits(timing.window_start_ns), digits(timing.window_end_ns)],
            expected: expected(spec, assignment, timing),
            sends: sends(spec, assignment, timing, clock)?,
            offset_ns: clock.offset_ns().to_string(),
            until_ms: clock.page_ms(timing.drain_end_ns),
        })
    }
}

/// How many events of the window each subscriber must receive.
fn expected(spec: &TrialSpec, assignment: Assignment, timing: Timing) -> Vec<u64> {
    let mut channels = vec![0; assignment.channels() as usize];
    let counts = |due: &Due| timing.window().contains(&(timing.start_ns + due.offset_ns));
    for due in events_schedule(&spec.settings, &assignment, timing, spec.seed).filter(counts) {
        channels[due.source as usize] += 1;
    }
    if spec.settings.uplink.as_ref().is_some_and(|uplink| uplink.to == UplinkTo::Channel) {
        for due in uplink_schedule(&spec.settings, &assignment, timing, spec.seed).filter(counts) {
            channels[assignment.channel_of(due.source) as usize] += 1;
        }
    }
    (0..assignment.subscribers()).map(|index| channels[assignment.channel_of(index) as usize]).collect()
}

/// Each subscriber's messages with their send times; the page writes the actual send time into them.
fn sends(
    spec: &TrialSpec,
    assignment: Assignment,
    timing: Timing,
    clock: &PageClock,
) -> Result<Vec<Vec<(f64, String)>>, PayloadError> {
    let mut sends = vec![Vec::new(); assignment.subscribers() as usize];
    let mut payloads = uplink_payloads(&spec.settings, spec.seed)?;
    for due in uplink_schedule(&spec.settings, &assignment, timing, spec.seed) {
        let intended_ns = timing.start_ns + due.offset_ns;
        let (payload, kind) = payloads.next(os::unix_ms());
        let stamp = Stamp { seq: 0, intended_ns, actual_ns: 0 };
        let message = Message { stamp, payload, kind }.to_bytes();
        let text = String::from_utf8_lossy(&message).into_owned();
        sends[due.source as usize].push((clock.page_ms(intended_ns), text));
    }
    Ok(sends)
}

fn uplink_payloads(settings: &Settings, seed: u64) -> Result<PayloadSource, PayloadError> {
    let bytes = settings.uplink.as_ref().map_or(settings.events.payload_bytes, |uplink| uplink.payload_bytes);
    PayloadSource::new(settings.events.payload, bytes, schedule::rng(seed, Purpose::UplinkPayload, 0))
}
