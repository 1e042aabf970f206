//! The calls to the page, one per phase of the trial, each bounded in time: what to subscribe to, what to expect, and what to send when.
//! Times, phases and payloads are those of the native load generator.

use std::time::Duration;

use browser::Browser;
use loadgen::assignment::Assignment;
use loadgen::publisher::{events_schedule, uplink_schedule};
use loadgen::schedule::Due;
use loadgen::schedule::Timing;
use loadgen::schedule::payload::{PayloadError, PayloadSource};
use loadgen::schedule::{self, Purpose};
use model::settings::{Settings, UplinkTo};
use model::trial::TrialSpec;
use protocol::message::{Message, Stamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::page_clock::{ClockReport, PageClock, clock_call};
use super::page_result::{PageError, SubscriberResult};

/// How often the page reads the server's clock before the first subscriber connects, and again at the end.
pub(crate) const EXCHANGES: [u32; 2] = [300, 100];
const CLOCK_LIMIT: Duration = Duration::from_secs(20);
/// How long the page may take to connect; the trial's own limit is a little longer.
const CONNECT_LIMIT: Duration = Duration::from_secs(28);
/// A busy page ends its phases a little late.
const MARGIN: Duration = Duration::from_secs(5);
const FINISH_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Page {
    browser: Browser,
}

impl Page {
    /// Starts the browser, and opens the page that the trial's server serves.
    pub(crate) async fn open(kind: browser::BrowserKind, spec: &TrialSpec) -> Result<Self, PageError> {
        let mut browser = browser::detect(kind)?.start().await?;
        let scheme = if spec.settings.transport.tls { "https" } else { "http" };
        browser.open(&format!("{scheme}://{}/", spec.server.address)).await?;
        Ok(Self { browser })
    }

    /// Compares the clocks, before the trial or at its end.
    pub(crate) async fn clock(&mut self, exchanges: u32) -> Result<PageClock, PageError> {
        let (script, request) = clock_call(exchanges);
        let report: ClockReport = self.ask(script, CLOCK_LIMIT, request).await?;
        PageClock::new(&report).ok_or(PageError::NoClock)
    }

    /// Connects all subscribers, and returns how long each took, in ms.
    pub(crate) async fn connect(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
    ) -> Result<Vec<f64>, PageError> {
        let request = connect_request(spec, assignment);
        self.ask("return await bench.connect(arguments[0])", CONNECT_LIMIT + MARGIN, request).await
    }

    /// Runs the phases, and returns how many events of the window arrived, once all have or the drain ends.
    pub(crate) async fn run(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
        timing: Timing,
        clock: &PageClock,
    ) -> Result<u64, PageError> {
        let request = run_request(spec, assignment, timing, clock)?;
        let left_ns = timing.drain_end_ns.saturating_sub(os::now_ns());
        let limit = Duration::from_nanos(left_ns) + MARGIN;
        self.ask("return await bench.run(arguments[0])", limit, request).await
    }

    /// Ends all subscribers, and returns their results.
    pub(crate) async fn finish(&mut self) -> Result<Vec<SubscriberResult>, PageError> {
        self.ask("return bench.finish()", FINISH_LIMIT, json!(null)).await
    }

    pub(crate) async fn close(self) -> Result<(), PageError> {
        Ok(self.browser.quit().await?)
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        script: &str,
        limit: Duration,
        request: Value,
    ) -> Result<T, PageError> {
        let answer = self.browser.call_within(limit, script, vec![request]).await?;
        Ok(serde_json::from_value(answer)?)
    }
}

/// The argument of `bench.connect`: all subscribers of a trial. One that waits for a greeting, which sets its cursor, has no `after`.
fn connect_request(spec: &TrialSpec, assignment: Assignment) -> Value {
    let Settings { short_polling, websocket, socketio, greeting, .. } = &spec.settings;
    let subscriber = |index| {
        json!({
            "channel": assignment.channel_of(index),
            "after": (!greeting).then_some(0),
            "phase_ms": phase_ns(spec.seed, index, short_polling.interval_ns) as f64 / 1e6,
        })
    };
    json!({
        "slug": spec.technique,
        "settings": {
            "poll_interval_ms": short_polling.interval_ns as f64 / 1e6,
            "frames": websocket.frames,
            "transports": socketio.transports,
        },
        "subscribers": (0..assignment.subscribers()).map(subscriber).collect::<Vec<_>>(),
        "limit_ms": CONNECT_LIMIT.as_millis() as u64,
    })
}

fn phase_ns(seed: u64, subscriber: u32, interval_ns: u64) -> u64 {
    let mut rng = schedule::rng(seed, Purpose::PollPhase, u64::from(subscriber));
    if interval_ns == 0 { 0 } else { rng.u64(..interval_ns) }
}

/// The argument of `bench.run`: the phases of a trial in the page's time.
fn run_request(
    spec: &TrialSpec,
    assignment: Assignment,
    timing: Timing,
    clock: &PageClock,
) -> Result<Value, PayloadError> {
    let window = [timing.window_start_ns, timing.window_end_ns].map(|ns| format!("{ns:016x}"));
    Ok(json!({
        "window": window,
        "expected": expected(spec, assignment, timing),
        "sends": sends(spec, assignment, timing, clock)?,
        "offset_ns": clock.offset_ns().to_string(),
        "until_ms": clock.page_ms(timing.drain_end_ns),
    }))
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
    let Settings { events, uplink, .. } = &spec.settings;
    let bytes = uplink.as_ref().map_or(events.payload_bytes, |uplink| uplink.payload_bytes);
    let rng = schedule::rng(spec.seed, Purpose::UplinkPayload, 0);
    let mut payloads = PayloadSource::new(events.payload, bytes, rng)?;
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
