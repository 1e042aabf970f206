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
use model::settings::{Frames, Settings, SocketIoTransports, UplinkTo};
use model::trial::TrialSpec;
use protocol::message::{Message, Stamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::page_clock::{ClockReport, PageClock};
use super::page_result::{PageError, SubscriberResult};

/// How often the page reads the server's clock before the first subscriber connects, and again at the end.
const EXCHANGES: [u32; 2] = [300, 100];
/// The most time for that: on a slow machine, more exchanges would not narrow the bound in any useful time.
const BUDGET_MS: u32 = 3_000;
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

    /// Compares the clocks before the trial.
    pub(crate) async fn clock(&mut self) -> Result<PageClock, PageError> {
        self.compare_clocks(EXCHANGES[0]).await
    }

    /// Connects all subscribers, and returns how long each took, in ms.
    pub(crate) async fn connect(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
    ) -> Result<Vec<f64>, PageError> {
        let limit_ms = u64::try_from(CONNECT_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let request = ConnectRequest::new(spec, assignment, limit_ms);
        self.ask("return await bench.connect(arguments[0])", CONNECT_LIMIT + MARGIN, &request).await
    }

    /// Runs the phases, and returns how many events of the window arrived, once all have or the drain ends.
    pub(crate) async fn run(
        &mut self,
        spec: &TrialSpec,
        assignment: Assignment,
        timing: Timing,
        clock: &PageClock,
    ) -> Result<u64, PageError> {
        let request = RunRequest::new(spec, assignment, timing, clock)?;
        let left_ns = timing.drain_end_ns.saturating_sub(os::now_ns());
        let limit = Duration::from_nanos(left_ns) + MARGIN;
        self.ask("return await bench.run(arguments[0])", limit, &request).await
    }

    /// Ends all subscribers, returns their results, and compares the clocks again.
    pub(crate) async fn finish(&mut self) -> Result<(Vec<SubscriberResult>, PageClock), PageError> {
        let results = self.ask("return bench.finish()", FINISH_LIMIT, &json!(null)).await?;
        Ok((results, self.compare_clocks(EXCHANGES[1]).await?))
    }

    pub(crate) async fn close(self) -> Result<(), PageError> {
        Ok(self.browser.quit().await?)
    }

    async fn compare_clocks(&mut self, exchanges: u32) -> Result<PageClock, PageError> {
        let request = json!({ "exchanges": exchanges, "budget_ms": BUDGET_MS });
        let report: ClockReport =
            self.ask("return await bench.clock(arguments[0])", CLOCK_LIMIT, &request).await?;
        PageClock::new(&report).ok_or(PageError::NoClock)
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        script: &str,
        limit: Duration,
        request: &impl Serialize,
    ) -> Result<T, PageError> {
        let answer = self.browser.call_within(limit, script, vec![json!(request)]).await?;
        Ok(serde_json::from_value(answer)?)
    }
}

/// Argument of `bench.connect`.
#[derive(Debug, Serialize)]
struct ConnectRequest<'a> {
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
struct RunRequest {
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
