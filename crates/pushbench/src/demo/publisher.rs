//! The publisher: a thread that publishes the same events to every server's hub when they are due.
//!
//! Open loop: events that fall due during a stall are published after it, with their intended times.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use bytes::BytesMut;
use fastrand::Rng;
use loadgen::schedule::payload::PayloadSource;
use model::settings::Payload;
use protocol::{Message, Stamp};

use super::state::{ControlValues, DemoState};

/// The channel of all events.
const CHANNEL: u32 = 0;

/// The running thread.
pub(super) struct Publisher {
    thread: JoinHandle<()>,
    state: Arc<DemoState>,
}

impl Publisher {
    pub(super) fn start(state: Arc<DemoState>) -> anyhow::Result<Self> {
        let of_thread = state.clone();
        let work = move || Work::new(of_thread).run();
        let thread = thread::Builder::new().name("publisher".to_owned()).spawn(work);
        Ok(Self { thread: thread.context("start the publisher")?, state })
    }

    /// Ends the thread.
    pub(super) fn stop(self) {
        self.state.change(|values| values.is_over = true);
        // The thread has no result, and a panic has been printed.
        let _ = self.thread.join();
    }
}

struct Work {
    state: Arc<DemoState>,
    values: ControlValues,
    pacer: Pacer,
    payload: PayloadSource,
}

impl Work {
    fn new(state: Arc<DemoState>) -> Self {
        let values = state.values();
        let pacer = Pacer::new(values.rate_per_s, os::now_ns());
        Self { payload: payload(values.payload_bytes), state, values, pacer }
    }

    fn run(mut self) {
        while !self.values.is_over {
            let now_ns = os::now_ns();
            let stalled_until_ns = self.values.stalled_until_ns;
            if stalled_until_ns <= now_ns {
                self.publish_due(now_ns);
            }
            let next_ns = self.pacer.due_ns().max(stalled_until_ns);
            let left = Duration::from_nanos(next_ns.saturating_sub(os::now_ns()));
            self.state.wait(&self.values, left);
            self.apply(self.state.values());
        }
    }

    fn apply(&mut self, values: ControlValues) {
        if values.rate_per_s != self.values.rate_per_s {
            self.pacer.set_rate(values.rate_per_s, os::now_ns());
        }
        if values.payload_bytes != self.values.payload_bytes {
            self.payload = payload(values.payload_bytes);
        }
        self.values = values;
    }

    fn publish_due(&mut self, now_ns: u64) {
        while let Some(intended_ns) = self.pacer.next_until(now_ns) {
            let (payload, kind) = self.payload.next(os::unix_ms());
            let stamp = Stamp { seq: 0, intended_ns, actual_ns: os::now_ns() };
            let mut message = BytesMut::new();
            Message { stamp, payload, kind }.encode(&mut message);
            for server in &self.state.servers {
                // A hub rejects only invalid or too long messages, which are not made here.
                let _ = server.hub.publish(CHANNEL, message.clone());
            }
            self.state.published.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn payload(bytes: u32) -> PayloadSource {
    PayloadSource::new(Payload::Text, bytes, Rng::new()).expect("a text may have any length")
}

/// An open-loop schedule.
#[derive(Debug)]
struct Pacer {
    gap_ns: u64,
    due_ns: u64,
}

impl Pacer {
    /// The first event is due one gap after `now_ns`.
    pub(super) fn new(rate_per_s: f64, now_ns: u64) -> Self {
        let gap_ns = gap_ns(rate_per_s);
        Self { gap_ns, due_ns: now_ns + gap_ns }
    }

    /// Changes the rate from now on, so that the wait of a slow pace ends with it. Overdue events stay due.
    fn set_rate(&mut self, rate_per_s: f64, now_ns: u64) {
        self.gap_ns = gap_ns(rate_per_s);
        self.due_ns = self.due_ns.min(now_ns + self.gap_ns);
    }

    /// When the next event is due.
    pub(super) fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// The next event's time, if it is due.
    fn next_until(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.due_ns;
        (due_ns <= now_ns).then(|| {
            self.due_ns += self.gap_ns;
            due_ns
        })
    }
}

fn gap_ns(rate_per_s: f64) -> u64 {
    (1e9 / rate_per_s) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn every_event_has_the_time_at_which_it_was_due() {
        let mut pacer = Pacer::new(100.0, 0);
        assert_eq!(pacer.next_until(9 * MS), None);
        let due: Vec<_> = std::iter::from_fn(|| pacer.next_until(45 * MS)).collect();
        assert_eq!(due, [10 * MS, 20 * MS, 30 * MS, 40 * MS]);
        assert_eq!(pacer.due_ns(), 50 * MS);
    }

    #[test]
    fn a_faster_pace_begins_at_once_and_a_slower_one_after_the_next_event() {
        let mut pacer = Pacer::new(1.0, 0);
        pacer.set_rate(100.0, 5 * MS);
        assert_eq!(pacer.next_until(15 * MS), Some(15 * MS));
        pacer.set_rate(1.0, 16 * MS);
        assert_eq!(pacer.next_until(25 * MS), Some(25 * MS));
        assert_eq!(pacer.due_ns(), 1_025 * MS);
    }
}
