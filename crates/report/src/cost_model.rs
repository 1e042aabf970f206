//! What a situation takes: bytes, CPU, memory and latency of each technique, from a model that is fitted to the evidence and kept as
//! `results/model.json`.
//!
//! # The file
//!
//! `{ schema_version, pushbench, commit, runs, prices: {vcpu_hour, gib_hour, gb}, techniques: [T, …] }`. Times are nanoseconds. The page's
//! chooser evaluates the same file with the same formulas, which are those of [`TechniqueModel::expect`]. A technique T has
//!
//! - `slug`, `label`, `baseline` (true: no web client speaks it), `kind`: `push` (the server sends), `interval` (the client asks each T)
//!   or `held` (the client asks, and the server answers when there is something);
//! - `bytes`: by `headers` and `tls`, what is added to messages. A `Steps` is `[[from, bytes], …]`, ascending: of a length *n* it
//!   stands for the bytes of the last pair with from ≤ n. `message`: of a message, to it; `exchange`: heads of a request and its answer;
//!   `content`: of an answer's content, to it; `empty`: an exchange that brings nothing, or of a push a heartbeat; `digit`: for each
//!   further decimal digit of the event's number; `uplink`: of a subscriber's own message, to it (null: not measured);
//! - `cpu`: ns of the server for a `wake`, an event that was `published`, a `response`, an `empty` exchange, a message `up`, a `byte`;
//!   `busy_ns`: how long it stays awake; `tls`: a factor; `spread`;
//! - `memory`: `[{tls, bytes, spread}]` for a connection;
//! - `p50`, `p99`: `{fixed_ns, subscriber_ns, spread}` of what is neither waiting nor transit;
//! - `covered`: `rate`, `message`, `subscribers`, `deliveries`, each [least, most] of what was measured, and `points`:
//!   `[[rate, message, subscribers, tls (0 or 1), uplink rate], …]`.
//!
//! A `spread` s means: of what was measured, 85 % lay within a factor eˢ of the model. A range is claimed where e²ˢ ≤ 2.
//!
//! # The formulas
//!
//! With λ messages per second to a subscriber, m bytes each, N subscribers of C channels, interval T, hold H (of a push: its heartbeat),
//! round trip R and u messages per second up, of each subscriber:
//!
//! - `push`: answers a = λ; `interval`: a = (1 − e^(−λT)) ÷ T; `held`: a = λ ÷ (1 + λR′), R′ = R + 2 `p50.fixed_ns`. An answer has k = λ ÷ a events.
//! - empty exchanges z: `interval` 1 ÷ T − a, else λ e^(−λH) ÷ (1 − e^(−λH)).
//! - bytes = λ(m + `message`(m)) + a(`exchange` + `content`(k(m + `message`(m)))) + z `empty` + digits + u(`uplink` + its bytes)
//! - CPU = `wake` E ÷ (1 + E `busy_ns`) + `published` λC + N(`response` a + `empty` z + `up` u + `byte` bytes), times `tls`;
//!   E = λC + Nu, and for `interval` N ÷ T more
//! - latency at quantile q = transit + wait(q) + `fixed_ns` + `subscriber_ns` N ÷ C; wait is qT of `interval`; of `held`, the share
//!   s = λR ÷ (1 + λR) of events finds the client on its way to ask again, and waits R(q − 1 + s) ÷ s if that is positive.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

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
