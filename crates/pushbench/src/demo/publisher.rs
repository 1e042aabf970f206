//! The publisher: a thread that hands the same events to every lane's hub when they are due.
//!
//! Open loop: a stalled server takes no events, and those that fall due meanwhile are handed over, with the times at which
//! they were due, when the stall is over.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use bytes::BytesMut;
use fastrand::Rng;
use loadgen::os;
use loadgen::payload::PayloadSource;
use model::settings::Payload;
use protocol::{Message, Stamp};

use super::Stage;
use super::board::Values;
use super::pacer::Pacer;

/// The channel of all events.
pub(super) const CHANNEL: u32 = 0;

/// The thread, which ends when it is told to.
pub(super) struct Publisher {
    thread: JoinHandle<()>,
    stage: Arc<Stage>,
}

impl Publisher {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When there is no thread to be had.
    pub(super) fn start(stage: Arc<Stage>) -> anyhow::Result<Self> {
        let on_it = stage.clone();
        let work = move || Work::new(on_it).run();
        let thread = thread::Builder::new().name("publisher".to_owned()).spawn(work);
        Ok(Self { thread: thread.context("start the publisher")?, stage })
    }

    /// Ends it, and waits for that.
    pub(super) fn stop(self) {
        self.stage.board.change(|values| values.over = true);
        // It has nothing to say, whichever way it ended.
        let _ = self.thread.join();
    }
}

struct Work {
    stage: Arc<Stage>,
    values: Values,
    pacer: Pacer,
    payload: PayloadSource,
}

impl Work {
    fn new(stage: Arc<Stage>) -> Self {
        let values = stage.board.values();
        let pacer = Pacer::new(values.rate_per_s, os::now_ns());
        Self { payload: payload(values.payload_bytes), stage, values, pacer }
    }

    fn run(mut self) {
        while !self.values.over {
            let now_ns = os::now_ns();
            let stalled_until_ns = self.values.stalled_until_ns;
            if stalled_until_ns <= now_ns {
                self.hand_over(now_ns);
            }
            let next_ns = self.pacer.due_ns().max(stalled_until_ns);
            let left = Duration::from_nanos(next_ns.saturating_sub(os::now_ns()));
            self.stage.board.wait(&self.values, left);
            self.take_over(self.stage.board.values());
        }
    }

    fn take_over(&mut self, values: Values) {
        if values.rate_per_s != self.values.rate_per_s {
            self.pacer.set_rate(values.rate_per_s, os::now_ns());
        }
        if values.payload_bytes != self.values.payload_bytes {
            self.payload = payload(values.payload_bytes);
        }
        self.values = values;
    }

    fn hand_over(&mut self, now_ns: u64) {
        while let Some(intended_ns) = self.pacer.next_until(now_ns) {
            let (payload, kind) = self.payload.next(os::unix_ms());
            let stamp = Stamp { seq: 0, intended_ns, actual_ns: os::now_ns() };
            let mut message = BytesMut::new();
            Message { stamp, payload, kind }.encode(&mut message);
            for lane in &self.stage.lanes {
                // A hub refuses what is no message, too long or out of numbers: not what is made here.
                let _ = lane.hub.publish(CHANNEL, message.clone());
            }
            self.stage.board.count_published();
        }
    }
}

fn payload(bytes: u32) -> PayloadSource {
    PayloadSource::new(Payload::Text, bytes, Rng::new()).expect("a text may have any length")
}
