//! What a situation takes: bytes, CPU, memory and latency of each technique, from a model that is fitted to the evidence and kept as
//! `results/model.json`.
//!
//! # The file
//!
//! `{ schema_version, pushbench, commit, machine, runs, prices: {vcpu_hour, gib_hour, gb}, behind: [C, …], techniques: [T, …] }`. A C is what
//! becomes of a technique behind a proxy, a [`Cell`]. Times are nanoseconds on the `machine` that was measured at most points, on a core of
//! [standard speed](model::trial::STANDARD_EXCHANGE_NS): the same work takes up to 1.8 times as long on another machine, also where both have
//! cores of one speed. The page's
//! chooser evaluates the same file with the same formulas, which are those of [`TechniqueModel::expect`]. A technique T has
//!
//! - `slug`, `label`, `baseline` (true: no web client speaks it), `kind`: `push` (the server sends), `interval` (the client asks each T)
//!   or `held` (the client asks, and the server answers when there is something);
//! - `bytes`: by `headers` and `tls`, what is added to messages, over HTTP/1.1 without compression. A `Steps` is `[[from, bytes], …]`,
//!   ascending: of a length *n* it stands for the bytes of the last pair with from ≤ n. `message`: of a message, to it; `exchange`: heads of a request and its answer;
//!   `content`: of an answer's content, to it; `empty`: an exchange that brings nothing, or of a push a heartbeat; `digit`: for each
//!   decimal digit of the events' number after the first (an answer's, or of a push a message's; the chooser takes the middle of a day); `uplink`: of a subscriber's own message, to it (null: not measured);
//! - `cpu`: ns of the server for a `wake`, an event that is only stored (`store`), a `byte`, which all techniques
//!   share; a `response`, an `empty` exchange, a message `up`; `tls`: a factor (0: not measured); `spread`;
//! - `cold`: how much more work takes where the core has slept since the last of it: `core`, `core_per_s`;
//! - `memory`: `[{tls, bytes, spread}]` for a connection;
//! - `p50`, `p99`: `{fixed_ns, subscriber_ns, spread}` of what is neither waiting nor transit;
//! - `covered`: the points that were measured, `[[rate, message, subscribers, tls (0 or 1), uplink rate], …]`.
//!
//! A `spread` s means: of what was measured in scenarios that the model was not fitted to, 85 % lay within a factor eˢ of it, or
//! at least 80 % where 85 % would make e²ˢ more than 2 (of memory: in all scenarios). A range is claimed where e²ˢ ≤ 2.
//!
//! # The formulas
//!
//! With λ messages per second to a subscriber, m bytes each, N subscribers of C channels, interval T, hold H (of a push: its heartbeat),
//! round trip R and u messages per second up, of each subscriber:
//!
//! - `push`: answers a = λ; `interval`: a = (1 − e^(−λT)) ÷ T; `held`: a = λ ÷ (1 + λR′), R′ = R + 2 `p50.fixed_ns`. An answer has k = λ ÷ a events.
//! - empty exchanges z: `interval` 1 ÷ T − a, else λ e^(−λH) ÷ (1 − e^(−λH)).
//! - bytes = λ(m + `message`(m)) + a(`exchange` + `content`(k(m + `message`(m)))) + z `empty` + digits + u(`uplink` + its bytes)
//! - g = 1 + `core` ÷ (1 + (E + S) ÷ `core_per_s`): what a sleep of the core adds. E are wakes: λC + Nu, but of `interval` N ÷ T + Nu, where S = λC events are only stored
//! - CPU = `wake` E g + `store` S + N(`response` a + `empty` z + `up` u)g + `byte` N bytes, times `tls`
//! - latency at quantile q = R ÷ 2 + wait(q) + `fixed_ns` g + `subscriber_ns` g N ÷ C; wait is qT of `interval`; of `held`, the share
//!   s = λR ÷ (1 + λR) of events finds the client on its way to ask again, and waits R(q − 1 + s) ÷ s if that is positive. p99 is
//!   never less than p50.
//!
//! Events that come in equal gaps, servers that hold events to send them together, and slower cores are in [`Situation`] for the
//! comparison with measurements; the chooser has none of them.

mod fit;
mod passage;

use std::sync::OnceLock;

use model::settings::{
    Compression, HeaderProfile, HttpVersion, Implementation, Pace, Publisher, Settings, SocketIoTransports,
    UplinkTo,
};
use serde::{Deserialize, Serialize};

pub use fit::{Row, fit, rows};
pub use passage::{Cell, Passage};

/// The version of `model.json`.
pub const MODEL_VERSION: u32 = 4;

/// A factor between model and measurement above which no range is claimed: the range would be wider than a factor of 2.
/// ln 2 ÷ 2, as the file has it.
pub const WIDEST_SPREAD: f64 = 0.3465;

/// `results/model.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostModel {
    /// [`MODEL_VERSION`].
    pub schema_version: u32,
    /// The version of pushbench that was measured.
    pub pushbench: String,
    /// The newest run's commit.
    pub commit: Option<String>,
    /// The processor of the machine whose work it speaks of.
    pub machine: String,
    /// How many runs it rests on.
    pub runs: usize,
    /// The prices that the file was written with; they are no part of the fit.
    pub prices: Prices,
    /// What becomes of the techniques behind proxies; empty where that was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<Cell>,
    /// In the order of the registry.
    pub techniques: Vec<TechniqueModel>,
}

impl CostModel {
    /// The model that this program was built with: that of the committed results.
    /// Fails when the committed file is damaged.
    pub fn built_in() -> Result<Self, String> {
        Self::parse(include_str!("../../../results/model.json"))
    }

    /// Reads `model.json`.
    /// Fails when it is not one, or has another version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let model: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match model.schema_version {
            MODEL_VERSION => Ok(model),
            other => Err(format!("it has version {other}, and this pushbench reads version {MODEL_VERSION}")),
        }
    }

    /// The text of `model.json`: a line for each technique, numbers with four significant digits or whole.
    /// Fails when a value is not finite, which JSON has no number for.
    pub fn text(&self) -> Result<String, String> {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        round(&mut value);
        let lines = value["techniques"].as_array().map(|all| {
            let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
            format!("[\n{}\n]", lines.join(",\n"))
        });
        value["techniques"] = serde_json::Value::Null;
        let text = value
            .to_string()
            .replace("\"techniques\":null", &format!("\"techniques\":{}", lines.unwrap_or_default()))
            + "\n";
        // A value that is not finite is `null` there.
        Self::parse(&text).map_err(|error| format!("a value of the model is not finite: {error}"))?;
        Ok(text)
    }
}

fn round(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(all) => all.iter_mut().for_each(round),
        serde_json::Value::Object(all) => all.values_mut().for_each(round),
        serde_json::Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|float| float.fract() != 0.0) {
                let short = format!("{float:.3e}").parse().ok();
                *value =
                    short.and_then(serde_json::Number::from_f64).map_or(serde_json::Value::Null, Into::into);
            }
        }
        _ => {}
    }
}

/// A technique's part of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TechniqueModel {
    pub slug: String,
    /// Its name for people.
    pub label: String,
    /// Whether no web client speaks it.
    pub baseline: bool,
    /// Who asks whom.
    pub kind: Kind,
    /// Bytes, by headers and TLS.
    pub bytes: Vec<ByteModel>,
    /// CPU time of the server.
    pub cpu: CpuModel,
    /// How much more work takes after a pause.
    pub cold: Cold,
    /// Memory of the server, without TLS and with it as far as measured.
    pub memory: Vec<MemoryModel>,
    /// The median latency.
    pub p50: LatencyModel,
    /// The latency that one event in a hundred exceeds.
    pub p99: LatencyModel,
    /// The points that were measured: rate, message, subscribers, TLS (0 or 1), uplink rate.
    pub covered: Vec<[f64; 5]>,
}

/// Who asks whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The server sends without being asked.
    Push,
    /// The client asks again and again.
    Interval,
    /// The client asks, and the server answers when there is something.
    Held,
}

/// A function of a length that is constant between steps: `[from, value]`, ascending.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Steps(pub Vec<[f64; 2]>);

impl Steps {
    /// The value at this length; zero below the first step.
    pub fn at(&self, length: f64) -> f64 {
        self.0.iter().take_while(|[from, _]| *from <= length).last().map_or(0.0, |[_, value]| *value)
    }
}

/// What is added to messages; the module's documentation says what the fields mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ByteModel {
    pub headers: HeaderProfile,
    pub tls: bool,
    pub message: Steps,
    pub exchange: f64,
    pub content: Steps,
    pub empty: f64,
    pub digit: f64,
    pub uplink: Option<Steps>,
}

/// CPU time of the server, ns; the module's documentation says what the fields mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuModel {
    pub wake: f64,
    pub store: f64,
    pub byte: f64,
    pub response: f64,
    pub empty: f64,
    pub up: f64,
    pub tls: f64,
    pub spread: f64,
}

/// How much more work takes where the core has slept since the last of it; the module's documentation says what the fields mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cold {
    pub core: f64,
    pub core_per_s: f64,
}

impl Cold {
    /// Nothing more.
    pub const NONE: Self = Self { core: 0.0, core_per_s: 1.0 };

    /// What work takes as a multiple of what it takes on a core that never sleeps.
    fn factor(self, work: Work) -> f64 {
        1.0 + self.core / (1.0 + (work.wakes + work.stores) / self.core_per_s)
    }
}

/// Memory of a connection; the module's documentation says what the fields mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryModel {
    pub tls: bool,
    pub bytes: f64,
    pub spread: f64,
}

/// What of a latency is neither waiting nor transit; the module's documentation says what the fields mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyModel {
    pub fixed_ns: f64,
    pub subscriber_ns: f64,
    pub spread: f64,
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Situation {
    /// How many subscribers in all.
    pub subscribers: f64,
    /// Over how many channels they are spread.
    pub channels: f64,
    /// Events of the publisher per second and channel.
    pub rate_per_s: f64,
    /// Bytes of a message, with whatever the application marks it with.
    pub message_bytes: f64,
    /// Messages per second that each subscriber sends.
    pub uplink_per_s: f64,
    /// Bytes of each of these.
    pub uplink_bytes: f64,
    /// Whether these go to everybody in the sender's channel, as in a chat, and not to the application.
    pub is_to_channel: bool,
    /// From server to client, and from client to server.
    pub transit_ns: [f64; 2],
    /// Which headers the client's requests have.
    pub headers: HeaderProfile,
    /// Whether all goes over TLS.
    pub tls: bool,
    /// From one poll to the next.
    pub interval_ns: f64,
    /// How long a request is held.
    pub hold_ns: f64,
    /// After how much silence a push sends a sign of life.
    pub heartbeat_ns: f64,
    /// How long the server holds events to send them together.
    pub coalescing_ns: f64,
    /// Whether the gaps between events are equal; else they are exponential.
    pub is_constant: bool,
    /// Events of a channel before the one that is looked at: its number is written out by some techniques.
    pub events_before: f64,
    /// How long work takes on the server's core, as a multiple of what it takes on one of standard speed.
    pub slowness: f64,
}

impl Default for Situation {
    /// One subscriber to whom nothing comes, with the times that a scenario has by itself.
    fn default() -> Self {
        Self { message_bytes: 0.0, is_constant: false, ..Self::read(&Settings::default()) }
    }
}

impl Situation {
    /// The situation of a trial; none of settings that the model leaves out.
    pub fn of(settings: &Settings) -> Option<Self> {
        let transport = &settings.transport;
        let is_plain = transport.http == HttpVersion::Http1
            && transport.compression == Compression::None
            && settings.http.keep_alive
            && settings.socketio.transports != SocketIoTransports::Polling
            && settings.publisher == Publisher::Feed
            && settings.implementation == Implementation::Lean
            && settings.turn.is_none()
            && settings.processes.cpu_contention == 0
            && settings.stall.is_none()
            && settings.restart.is_none()
            && settings.slow_consumers.is_none()
            && settings.counted.is_none()
            && settings.through.is_none()
            && !settings.observed
            && !settings.traced;
        is_plain.then(|| Self::read(settings))
    }

    fn read(settings: &Settings) -> Self {
        let transport = &settings.transport;
        let stamp = model::byte_account::stamp_bytes(settings.events.payload) as f64;
        let uplink = settings.uplink.as_ref();
        let is_to_channel = uplink.is_some_and(|uplink| uplink.to == UplinkTo::Channel);
        let uplink_bytes = uplink.map_or(0.0, |uplink| f64::from(uplink.payload_bytes) + stamp);
        let window_ns = settings.phases.warm_up_ns as f64 + settings.phases.window_ns as f64 / 2.0;
        let own = Self {
            subscribers: settings.subscribers.count.into(),
            channels: settings.subscribers.channels.max(1).into(),
            rate_per_s: settings.events.rate_per_s,
            message_bytes: if settings.events.rate_per_s == 0.0 && is_to_channel {
                uplink_bytes
            } else {
                f64::from(settings.events.payload_bytes) + stamp
            },
            uplink_per_s: uplink.map_or(0.0, |uplink| uplink.rate_per_s),
            uplink_bytes,
            is_to_channel,
            transit_ns: [settings.subscribers.added_delay_ns as f64, 0.0],
            headers: settings.http.headers,
            tls: transport.tls,
            interval_ns: settings.short_polling.interval_ns as f64,
            hold_ns: settings.long_polling.hold_ns as f64,
            heartbeat_ns: settings.heartbeat_ns as f64,
            coalescing_ns: settings.coalescing.window_ns as f64,
            is_constant: settings.events.pace == Pace::Constant && !is_to_channel,
            events_before: 0.0,
            slowness: 1.0,
        };
        Self { events_before: own.received_per_s() * window_ns / 1e9, ..own }
    }

    /// Messages per second that a subscriber receives.
    pub fn received_per_s(&self) -> f64 {
        let from_others = self.uplink_per_s * self.subscribers / self.channels;
        self.rate_per_s + if self.is_to_channel { from_others } else { 0.0 }
    }

    fn per_channel(&self) -> f64 {
        self.subscribers / self.channels
    }

    fn round_trip_ns(&self) -> f64 {
        self.transit_ns.iter().sum()
    }

    /// Exchanges without an event, per second, where each silence of so many ns has one.
    fn silences_per_s(&self, after_ns: f64) -> f64 {
        let (rate, after) = (self.received_per_s(), after_ns / 1e9);
        if after <= 0.0 {
            return 0.0;
        }
        match self.is_constant {
            true => (1.0 / after - rate).max(0.0),
            false if rate * after < 1e-9 => 1.0 / after,
            false => rate * (-rate * after).exp() / -(-rate * after).exp_m1(),
        }
    }
}

/// What a technique takes in a situation: of all subscribers together, per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Expected {
    /// Messages that are delivered.
    pub deliveries: f64,
    /// Answers, frames or chunks that carry them.
    pub responses: f64,
    /// Polls that find nothing, and heartbeats.
    pub empties: f64,
    /// Bytes in both directions.
    pub bytes: f64,
    /// CPU time of the server, ns.
    pub cpu_ns: f64,
    /// Memory of the server; none where connections of this kind were not measured.
    pub memory_bytes: Option<f64>,
    /// The median latency.
    pub p50_ns: f64,
    /// The latency that one in a hundred exceeds.
    pub p99_ns: f64,
}

impl TechniqueModel {
    /// What the technique takes; none where its bytes with these headers, this transport and these messages are not known.
    pub fn expect(&self, situation: &Situation) -> Option<Expected> {
        let is_like = |it: &&ByteModel| it.headers == situation.headers && it.tls == situation.tls;
        let bytes = self.bytes.iter().find(is_like)?;
        let rate = situation.received_per_s();
        let [responses, empties] = self.exchanges(situation);
        let message = situation.message_bytes + bytes.message.at(situation.message_bytes);
        let content = if responses > 0.0 { rate / responses * message } else { 0.0 };
        let digits = (situation.events_before + 1.0).log10().floor().max(0.0) * bytes.digit;
        let numbered = if self.kind == Kind::Push { rate } else { responses + empties };
        let up = match &bytes.uplink {
            Some(uplink) => situation.uplink_bytes + uplink.at(situation.uplink_bytes),
            None if situation.uplink_per_s == 0.0 => 0.0,
            None => return None,
        };
        let own = rate * message
            + responses * (bytes.exchange + bytes.content.at(content))
            + empties * bytes.empty
            + numbered * digits
            + situation.uplink_per_s * up;
        let all = situation.subscribers;
        let memory = self.memory.iter().find(|memory| memory.tls == situation.tls);
        let mut expected = Expected {
            deliveries: rate * all,
            responses: responses * all,
            empties: empties * all,
            bytes: own * all,
            cpu_ns: 0.0,
            memory_bytes: memory.map(|memory| memory.bytes * all),
            p50_ns: 0.0,
            p99_ns: 0.0,
        };
        let work = self.work(situation, &expected);
        let cold = self.cold.factor(work);
        expected.p50_ns = self.p50.at(self.waiting(situation, 0.5), situation, cold);
        // They are fitted apart, and far from what was measured the lines can cross.
        expected.p99_ns = self.p99.at(self.waiting(situation, 0.99), situation, cold).max(expected.p50_ns);
        expected.cpu_ns = self.cpu.of(work, cold, situation.tls);
        Some(expected)
    }

    /// Answers with events, and exchanges without, per second and subscriber.
    fn exchanges(&self, situation: &Situation) -> [f64; 2] {
        let rate = situation.received_per_s();
        match self.kind {
            Kind::Push => [rate, situation.silences_per_s(situation.heartbeat_ns)],
            Kind::Interval => {
                let interval = situation.interval_ns.max(1e5) / 1e9;
                let share = match situation.is_constant {
                    true => (rate * interval).min(1.0),
                    false => -(-rate * interval).exp_m1(),
                };
                [share / interval, (1.0 - share) / interval]
            }
            Kind::Held => {
                let away = situation.round_trip_ns() + 2.0 * self.p50.fixed_ns + situation.coalescing_ns;
                let away = away / 1e9;
                let responses = match situation.is_constant {
                    true if rate * away <= 1.0 => rate,
                    true => 1.0 / away,
                    false => rate / (1.0 + rate * away),
                };
                [responses, situation.silences_per_s(situation.hold_ns)]
            }
        }
    }

    /// How long an event waits at the server for a poll, for its client to ask again, or to be sent with others.
    fn waiting(&self, situation: &Situation, quantile: f64) -> f64 {
        let rate = situation.received_per_s() / 1e9;
        // A share of events waits up to `most`, all lengths alike.
        let spread = |share: f64, most: f64| most * ((quantile - 1.0 + share) / share).max(0.0);
        match self.kind {
            Kind::Interval => quantile * situation.interval_ns,
            _ if situation.coalescing_ns > 0.0 => {
                // The first of a window waits for all of it, the others for what is left.
                let others = rate * situation.coalescing_ns;
                (quantile * (1.0 + others) / others * situation.coalescing_ns).min(situation.coalescing_ns)
            }
            Kind::Push => 0.0,
            Kind::Held => {
                let away = situation.round_trip_ns();
                let share = rate * away / (1.0 + rate * away);
                if share > 0.0 { spread(share, away) } else { 0.0 }
            }
        }
    }

    fn work(&self, situation: &Situation, expected: &Expected) -> Work {
        let up = situation.subscribers * situation.uplink_per_s;
        Work::new(self.kind, situation, [expected.responses, expected.empties, up, expected.bytes])
    }
}

/// What a server does in a second.
#[derive(Debug, Clone, Copy)]
struct Work {
    wakes: f64,
    stores: f64,
    responses: f64,
    empties: f64,
    up: f64,
    bytes: f64,
}

impl Work {
    /// Of a technique of this kind, which in a second has so many responses, empty exchanges, messages up and bytes.
    fn new(kind: Kind, situation: &Situation, [responses, empties, up, bytes]: [f64; 4]) -> Self {
        let events = situation.rate_per_s * situation.channels;
        let [wakes, stores] = match kind {
            Kind::Interval => [responses + empties, events],
            Kind::Push | Kind::Held => [events, 0.0],
        };
        Self { wakes: wakes + up, stores, responses, empties, up, bytes }
    }

    /// What all techniques share, and what each has of its own, in the order of [`CpuModel`]'s coefficients.
    fn features(&self, cold: f64) -> ([f64; 3], [f64; 3]) {
        let own = [self.responses, self.empties, self.up].map(|times| times * cold);
        ([self.wakes * cold, self.stores, self.bytes], own)
    }
}

impl CpuModel {
    fn of(&self, work: Work, cold: f64, tls: bool) -> f64 {
        let (shared, own) = work.features(cold);
        let coefficients = [self.wake, self.store, self.byte, self.response, self.empty, self.up];
        let plain: f64 = coefficients.iter().zip(shared.iter().chain(&own)).map(|(a, x)| a * x).sum();
        if tls { plain * self.tls } else { plain }
    }
}

impl LatencyModel {
    fn at(&self, waiting_ns: f64, situation: &Situation, cold: f64) -> f64 {
        let [hops, transit] = way(situation);
        let own = self.fixed_ns * hops + self.subscriber_ns * situation.per_channel();
        transit + waiting_ns + own * cold * situation.slowness
    }
}

/// How many hops an event has, and how long they take: one from the publisher, two from another subscriber.
fn way(situation: &Situation) -> [f64; 2] {
    let [down, up] = situation.transit_ns;
    if situation.is_to_channel { [2.0, down + up] } else { [1.0, down] }
}

/// What work is worth: list prices of large clouds in 2026, rounded. Only their proportions matter, since costs are shown as ratios.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// US dollars for a core and an hour: general-purpose instances on demand are at 0.04 to 0.05 for each virtual core.
    pub vcpu_hour: f64,
    /// US dollars for a GiB of memory and an hour: what a memory-optimised instance costs more than another.
    pub gib_hour: f64,
    /// US dollars for 10⁹ bytes over the network: between 0.09 for the first terabytes out of a large cloud and 0.01 elsewhere. Both
    /// directions count, since what comes in is free in some places only.
    pub gb: f64,
}

impl Prices {
    /// What is taken unless the command line says otherwise.
    pub const LIST: Self = Self { vcpu_hour: 0.04, gib_hour: 0.005, gb: 0.05 };

    /// What so much CPU time, so many bytes on the wire and so many bytes of memory, each times the ns that it is held, cost.
    pub fn dollars(&self, cpu_ns: f64, bytes: f64, memory_byte_ns: f64) -> f64 {
        const HOUR_NS: f64 = 3_600e9;
        const GIB: f64 = 1_073_741_824.0;
        cpu_ns / HOUR_NS * self.vcpu_hour
            + bytes / 1e9 * self.gb
            + memory_byte_ns / HOUR_NS / GIB * self.gib_hour
    }
}

static PRICES: OnceLock<Prices> = OnceLock::new();

/// The prices of this process.
pub fn prices() -> Prices {
    *PRICES.get_or_init(|| Prices::LIST)
}

/// Sets the prices of this process. Returns whether they count: only before the first figure was computed.
pub fn set_prices(prices: Prices) -> bool {
    PRICES.set(prices).is_ok()
}
