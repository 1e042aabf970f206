//! How long a trial waits at most, and how often it looks.

use std::time::Duration;

use model::settings::{Client, Settings};

/// Within this time, and a little more for each of them, every subscriber must be connected.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// The little more: a TLS handshake takes both sides about 1 ms each, and they may share a core.
const CONNECT_LIMIT_EACH: Duration = Duration::from_millis(5);
/// What a browser may take to start before that.
const BROWSER_START: Duration = Duration::from_secs(30);
/// Sessions that have not ended this long after the end, and a little more for each of them, are cut off.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
const CLOSE_LIMIT_EACH: Duration = Duration::from_micros(200);

/// How often the waiting thread looks whether something went wrong. It runs on the load generator's cores.
pub(super) const LOOK_NS: u64 = 10_000_000;

/// How long all subscribers of a trial with these settings may take to connect.
pub fn connect_limit(settings: &Settings) -> Duration {
    let start = if settings.client == Client::Native { Duration::ZERO } else { BROWSER_START };
    start + CONNECT_LIMIT + CONNECT_LIMIT_EACH * settings.subscribers.count
}

/// How long they may take to end.
pub fn close_limit(settings: &Settings) -> Duration {
    CLOSE_LIMIT + CLOSE_LIMIT_EACH * settings.subscribers.count
}
