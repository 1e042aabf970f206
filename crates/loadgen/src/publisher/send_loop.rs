//! The publisher's loop: picks up what is due, hands over what fits, reads what comes back, and reports how far it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use model::settings::{Settings, UplinkTo};
use protocol::message::{Message, MessageError, Stamp};
use rustix::event::PollFlags;
use tokio::sync::mpsc;

use super::caller::PublisherError;
use super::link::Link;
use super::published::{Progress, Published};
use crate::assignment::Assignment;
use crate::numbering::{ChannelNumbers, Numbering};
use crate::recorder::content::Sampling;
use crate::schedule::payload::PayloadSource;
use crate::schedule::{self, Due, Purpose, Schedule, ScheduleSpec, Timing};
use crate::waiting::{PreciseTimer, Until};

/// How long it may take to notice that it shall stop.
const STOP_CHECK_NS: u64 = 100_000_000;
/// The same after the schedule's end, when there is hardly anything else to do.
const IDLE_STOP_CHECK_NS: u64 = 5_000_000;
/// Sends that are due more densely than this on average are not waited for one by one: each wait costs some 5 µs of the
/// core that the subscribers run on.
const DENSE_NS: f64 = 25_000.0;
/// How far apart it looks then what is due; so much later at most is an event sent.
const TICK_NS: u64 = 50_000;

/// What a publisher needs.
#[derive(Debug)]
pub struct PublisherSpec {
    /// The connection to the server.
    pub link: Link,
    /// The trial's settings.
    pub settings: Arc<Settings>,
    /// The trial's seed.
    pub seed: u64,
    /// When the phases start and end.
    pub timing: Timing,
    /// Who reads which channel.
    pub assignment: Assignment,
    /// To each subscriber's session, by its number: when to send. Empty when no subscriber sends.
    pub outgoing: Vec<mpsc::UnboundedSender<u64>>,
}

#[derive(Debug)]
pub(super) struct SendLoop {
    link: Link,
    /// Messages so far, by channel, where the publisher numbers them.
    numbered: Vec<u64>,
    sampling: Sampling,
    timer: PreciseTimer,
    settings: Arc<Settings>,
    timing: Timing,
    assignment: Assignment,
    events: Schedule,
    uplink: Schedule,
    outgoing: Vec<mpsc::UnboundedSender<u64>>,
    /// Due, and not handed over yet.
    backlog: VecDeque<Due>,
    /// How many of them, from the first one on, are being sent.
    begun: usize,
    begun_ns: u64,
    /// The least time between two looks at what is due.
    tick_ns: u64,
    looked_ns: u64,
    payload: PayloadSource,
    message: BytesMut,
    published: Published,
}

impl SendLoop {
    pub(super) fn new(spec: PublisherSpec) -> Result<Self, PublisherError> {
        let PublisherSpec { link, settings, seed, timing, assignment, outgoing } = spec;
        let rng = schedule::rng(seed, Purpose::EventPayload, 0);
        Ok(Self {
            timer: PreciseTimer::new().map_err(PublisherError::Clock)?,
            events: events_schedule(&settings, &assignment, timing, seed),
            uplink: uplink_schedule(&settings, &assignment, timing, seed),
            payload: PayloadSource::new(settings.events.payload, settings.events.payload_bytes, rng)?,
            backlog: VecDeque::new(),
            begun: 0,
            begun_ns: 0,
            tick_ns: tick_ns(&settings, &assignment),
            looked_ns: 0,
            message: BytesMut::new(),
            published: Published::default(),
            numbered: vec![0; assignment.channels() as usize],
            sampling: match link.numbering() {
                Numbering::Server => Sampling::Few,
                Numbering::Publisher => Sampling::All,
            },
            link,
            settings,
            timing,
            assignment,
            outgoing,
        })
    }

    pub(super) fn run(mut self, stop: &AtomicBool, progress: &Progress) -> Result<Published, PublisherError> {
        while !stop.load(Ordering::Relaxed) {
            self.pick_up();
            self.hand_over()?;
            progress.report(&self.published, self.next_due_ns().is_none());
            let found = self.timer.wait(self.next_look(), self.link.wanted(!self.backlog.is_empty()));
            // An end or an error of the connection is found by reading, too.
            if found
                .map_err(PublisherError::Clock)?
                .intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)
            {
                self.read_messages()?;
            }
        }
        Ok(self.published)
    }

    fn pick_up(&mut self) {
        self.looked_ns = os::now_ns();
        while let Some((due, intended_ns, lag_ns)) = next_due(&mut self.events, self.timing.start_ns) {
            self.backlog.push_back(due);
            self.link.due(due.source);
            if self.counts(intended_ns) {
                self.published.schedule_lag.saturating_record(lag_ns);
                self.published.expected += self.assignment.members(due.source);
            }
        }
        while let Some((due, intended_ns, lag_ns)) = next_due(&mut self.uplink, self.timing.start_ns) {
            // The session has ended when the trial is being abandoned.
            let _ = self.outgoing[due.source as usize].send(intended_ns);
            if self.counts(intended_ns) {
                self.published.schedule_lag.saturating_record(lag_ns);
                self.published.uplink_due += 1;
                self.published.expected += self.deliveries_of_uplink(due.source);
            }
        }
    }

    fn counts(&self, intended_ns: u64) -> bool {
        self.timing.window().contains(&intended_ns)
    }

    fn deliveries_of_uplink(&self, subscriber: u32) -> u64 {
        match self.settings.uplink.as_ref().map(|uplink| uplink.to) {
            Some(UplinkTo::Channel) => self.assignment.members(self.assignment.channel_of(subscriber)),
            Some(UplinkTo::Application) | None => 0,
        }
    }

    fn hand_over(&mut self) -> Result<(), PublisherError> {
        if self.begun == 0 && !self.link.is_blocked() {
            self.begun = self.link.at_once(self.backlog.iter().map(|due| due.source));
            self.begun_ns = os::now_ns();
            for at in 0..self.begun {
                let due = self.backlog[at];
                self.begin(due.source, self.timing.start_ns + due.offset_ns);
            }
        }
        if self.begun == 0 || !self.link.flush()? {
            return Ok(());
        }
        if self.link.is_answered() {
            self.published.calls.add(os::now_ns() - self.begun_ns, self.begun as u64);
        }
        let window = self.timing.window();
        for due in self.backlog.drain(..std::mem::take(&mut self.begun)) {
            self.published.handed_over += u64::from(window.contains(&(self.timing.start_ns + due.offset_ns)));
        }
        Ok(())
    }

    fn begin(&mut self, channel: u32, intended_ns: u64) {
        let stamp = Stamp { seq: self.number(channel), intended_ns, actual_ns: 0 };
        let deliveries = if self.counts(intended_ns) { self.assignment.members(channel) } else { 0 };
        let (payload, kind) = self.payload.next(os::unix_ms());
        self.published.content.add(self.sampling, intended_ns, payload, deliveries);
        self.message.clear();
        Message { stamp, payload, kind }.encode(&mut self.message);
        self.link.begin(channel, &self.message);
    }

    /// A message's number; 0 where the server gives it one.
    fn number(&mut self, channel: u32) -> u64 {
        match self.link.numbering() {
            Numbering::Server => 0,
            Numbering::Publisher => {
                let numbered = &mut self.numbered[channel as usize];
                *numbered += 1;
                ChannelNumbers::of(&self.settings).number(channel, *numbered)
            }
        }
    }

    fn read_messages(&mut self) -> Result<(), PublisherError> {
        let (published, window) = (&mut self.published, self.timing.window());
        let (events, start_ns) = (&mut self.events, self.timing.start_ns);
        let mut unreadable: Option<MessageError> = None;
        self.link.receive(|channel, message| {
            let now_ns = os::now_ns();
            events.begin_turn(channel, now_ns.saturating_sub(start_ns));
            match Message::decode(&message) {
                Ok(message) if window.contains(&message.stamp.intended_ns) => {
                    published.uplink_received += 1;
                    published.uplink.saturating_record(now_ns.saturating_sub(message.stamp.intended_ns));
                }
                Ok(_) => {}
                Err(error) => unreadable = Some(error),
            }
        })?;
        unreadable.map_or(Ok(()), |error| Err(error.into()))
    }

    fn next_due_ns(&self) -> Option<u64> {
        let next = self.events.peek().into_iter().chain(self.uplink.peek()).min();
        next.map(|due| self.timing.start_ns + due.offset_ns)
    }

    fn next_look(&self) -> Until {
        let now_ns = os::now_ns();
        match self.next_due_ns().map(|due_ns| due_ns.max(self.looked_ns + self.tick_ns)) {
            Some(due_ns) if due_ns <= now_ns + STOP_CHECK_NS => Until::Due(due_ns),
            Some(_) => Until::Look(now_ns + STOP_CHECK_NS),
            None => Until::Look(now_ns + IDLE_STOP_CHECK_NS),
        }
    }
}

/// The next time that has come, the same as a time of `CLOCK_MONOTONIC`, and how long ago it was, in ns.
fn next_due(schedule: &mut Schedule, start_ns: u64) -> Option<(Due, u64, u64)> {
    let offset_ns = os::now_ns().checked_sub(start_ns)?;
    let due = schedule.next_until(offset_ns)?;
    Some((due, start_ns + due.offset_ns, offset_ns - due.offset_ns))
}

/// Nothing where sends are sparse enough to be waited for one by one.
fn tick_ns(settings: &Settings, assignment: &Assignment) -> u64 {
    let uplink_per_s = settings.uplink.as_ref().map_or(0.0, |uplink| uplink.rate_per_s);
    let per_s = settings.events.rate_per_s * f64::from(assignment.channels())
        + uplink_per_s * f64::from(assignment.subscribers());
    if per_s * DENSE_NS > 1e9 { TICK_NS } else { 0 }
}

/// When events are sent, by channel.
pub fn events_schedule(settings: &Settings, assignment: &Assignment, timing: Timing, seed: u64) -> Schedule {
    let spec = ScheduleSpec {
        pace: settings.events.pace,
        rate_per_s: settings.events.rate_per_s,
        sources: assignment.channels(),
        end_ns: timing.schedule_ns(),
        seed,
        purpose: Purpose::EventTimes,
    };
    match &settings.turn {
        Some(turn) => Schedule::in_turns(&spec, turn.events),
        None => Schedule::new(&spec),
    }
}

/// When subscribers send, by their numbers.
pub fn uplink_schedule(settings: &Settings, assignment: &Assignment, timing: Timing, seed: u64) -> Schedule {
    let (pace, rate_per_s) = match &settings.uplink {
        Some(uplink) => (uplink.pace, uplink.rate_per_s),
        None => (settings.events.pace, 0.0),
    };
    Schedule::new(&ScheduleSpec {
        pace,
        rate_per_s,
        sources: assignment.subscribers(),
        end_ns: timing.schedule_ns(),
        seed,
        purpose: Purpose::UplinkTimes,
    })
}
