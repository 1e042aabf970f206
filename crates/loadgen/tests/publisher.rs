//! The publisher against a feed of the test's own: the schedule goes on when the server does not.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use loadgen::assignment::Assignment;
use loadgen::publisher::feed_connection::{FeedConnection, FeedError};
use loadgen::publisher::{self, Link, Published, Publisher, PublisherError, PublisherSpec};
use loadgen::schedule::seed::Purpose;
use loadgen::schedule::{Schedule, ScheduleSpec};
use loadgen::timing::Timing;
use model::settings::{Events, Pace, Phases, Settings, Subscribers, Uplink, UplinkTo};
use protocol::frame;
use protocol::message::{Message, PayloadKind, Stamp};
use tokio::sync::mpsc;

const SEED: u64 = 5;
const MS: u64 = 1_000_000;

fn settings(rate_per_s: f64, uplink: Option<Uplink>) -> Settings {
    Settings {
        events: Events { rate_per_s, ..Settings::default().events },
        subscribers: Subscribers { count: 6, channels: 2, added_delay_ns: 0 },
        uplink,
        phases: Phases { warm_up_ns: 100 * MS, window_ns: 800 * MS, drain_ns: 0 },
        ..Settings::default()
    }
}

fn uplink(to: UplinkTo) -> Option<Uplink> {
    Some(Uplink { rate_per_s: 20.0, pace: Pace::Poisson, payload_bytes: 30, to })
}

/// A publisher, the server's end of its feed, and the ends of the subscribers' queues.
struct Rig {
    publisher: Publisher,
    server: UnixStream,
    outgoing: Vec<mpsc::UnboundedReceiver<u64>>,
    timing: Timing,
}

fn start(settings: Settings) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed");
    let listener = UnixListener::bind(&path).unwrap();
    let (sent, most) = (publisher::message_bytes(&settings), publisher::uplink_message_bytes(&settings));
    let feed = FeedConnection::connect(&path, sent, most).unwrap();
    let server = listener.accept().unwrap().0;
    let assignment = Assignment::new(&settings.subscribers, 1);
    let (senders, outgoing) = (0..assignment.subscribers()).map(|_| mpsc::unbounded_channel()).unzip();
    let timing = Timing::new(os::now_ns() + MS, &settings.phases);
    let settings = Arc::new(settings);
    let spec = PublisherSpec {
        link: Link::Feed(feed.into()),
        settings,
        seed: SEED,
        timing,
        assignment,
        outgoing: senders,
    };
    Rig { publisher: Publisher::start(spec).unwrap(), server, outgoing, timing }
}

/// Reads whole frames off the feed.
struct FeedReader {
    stream: UnixStream,
    decoder: frame::Decoder,
}

impl FeedReader {
    fn of(stream: UnixStream) -> Self {
        Self { stream, decoder: frame::Decoder::new(10_000) }
    }

    fn next(&mut self) -> (u32, Bytes) {
        loop {
            if let Some(body) = self.decoder.next_body().unwrap() {
                return frame::decode_feed(body).unwrap();
            }
            let mut part = [0; 50];
            let read = self.stream.read(&mut part).unwrap();
            assert!(read > 0, "the publisher closed the feed");
            self.decoder.buffer().extend_from_slice(&part[..read]);
        }
    }

    fn stamp(&mut self) -> (u32, Stamp) {
        let (channel, message) = self.next();
        (channel, Message::decode(&message).unwrap().stamp)
    }
}

/// What the schedule wants of `settings`: times of `CLOCK_MONOTONIC` and sources.
fn wanted(settings: &Settings, timing: Timing) -> Vec<(u32, u64)> {
    let spec = ScheduleSpec {
        pace: settings.events.pace,
        rate_per_s: settings.events.rate_per_s,
        sources: settings.subscribers.channels,
        end_ns: timing.schedule_ns(),
        seed: SEED,
        purpose: Purpose::EventTimes,
    };
    Schedule::new(&spec).map(|due| (due.source, timing.start_ns + due.offset_ns)).collect()
}

fn finish(mut publisher: Publisher) -> Published {
    publisher.finish().unwrap()
}

#[test]
fn a_server_that_pauses_moves_the_hand_over_and_not_the_schedule() {
    let settings = settings(200.0, None);
    let Rig { publisher, server, timing, .. } = start(settings.clone());
    let wanted = wanted(&settings, timing);
    let mut feed = FeedReader::of(server);
    let mut stamps: Vec<(u32, Stamp)> = (0..80).map(|_| feed.stamp()).collect();
    let pause_begin = os::now_ns();
    thread::sleep(Duration::from_millis(300));
    let pause_end = os::now_ns();
    stamps.extend((80..wanted.len()).map(|_| feed.stamp()));

    let seen: Vec<(u32, u64)> = stamps.iter().map(|(channel, stamp)| (*channel, stamp.intended_ns)).collect();
    assert_eq!(seen, wanted, "nothing is lost, and every event carries the time at which it was wanted");
    assert!(stamps.iter().all(|(_, stamp)| stamp.actual_ns >= stamp.intended_ns));
    assert!(stamps.is_sorted_by_key(|(_, stamp)| stamp.actual_ns));
    let in_pause = |ns: u64| (pause_begin..pause_end).contains(&ns);
    let due = stamps.iter().filter(|(_, stamp)| in_pause(stamp.intended_ns)).count();
    let taken = stamps.iter().filter(|(_, stamp)| in_pause(stamp.actual_ns)).count();
    assert!(due >= 118, "{due} were due in a pause of 300 ms");
    assert!(taken * 4 < due, "{taken} of {due} were taken by a server that stood still");

    let found = finish(publisher);
    let counted = wanted.iter().filter(|(_, intended)| timing.window().contains(intended)).count() as u64;
    assert_eq!((found.handed_over, found.expected), (counted, counted * 3));
    assert_eq!(found.schedule_lag.len(), counted);
}

#[test]
fn subscribers_get_their_send_times() {
    let Rig { publisher, mut outgoing, timing, server: _server } =
        start(settings(0.0, uplink(UplinkTo::Channel)));
    await_schedules_end(&publisher);
    let times: Vec<Vec<u64>> = outgoing.iter_mut().map(take_all).collect();
    assert!(times.iter().all(|times| times.is_sorted() && !times.is_empty()));
    let due = times.concat().iter().filter(|intended| timing.window().contains(intended)).count() as u64;
    let found = finish(publisher);
    assert_eq!((found.uplink_due, found.expected, found.handed_over), (due, due * 3, 0));
}

#[test]
fn what_comes_back_to_the_application_is_timed() {
    let Rig { publisher, mut server, timing, .. } = start(settings(0.0, uplink(UplinkTo::Application)));
    for intended_ns in [timing.window_start_ns - 1, timing.window_start_ns, timing.window_end_ns] {
        let stamp = Stamp { seq: 0, intended_ns, actual_ns: intended_ns };
        let message = Message { stamp, payload: b"up", kind: PayloadKind::Text }.to_bytes();
        server.write_all(&frame::encode_feed(1, &message)).unwrap();
    }
    let due = await_schedules_end(&publisher);
    assert_eq!(due, 0, "what goes to the application is delivered to no subscriber");
    let found = finish(publisher);
    assert_eq!((found.uplink_received, found.uplink.len()), (1, 1));
    assert!(found.uplink_due > 0);
}

#[test]
fn what_is_due_together_leaves_together_and_a_dense_schedule_is_not_waited_for_event_by_event() {
    let mut settings = settings(30_000.0, None);
    settings.phases.window_ns = 200 * MS;
    let Rig { publisher, server, timing, .. } = start(settings.clone());
    let wanted = wanted(&settings, timing);
    let mut feed = FeedReader::of(server);
    let stamps: Vec<(u32, Stamp)> = wanted.iter().map(|_| feed.stamp()).collect();
    finish(publisher);
    let seen: Vec<(u32, u64)> = stamps.iter().map(|(channel, stamp)| (*channel, stamp.intended_ns)).collect();
    assert_eq!(seen, wanted, "in order and whole");
    assert!(stamps.iter().all(|(_, stamp)| stamp.actual_ns >= stamp.intended_ns), "never before it is due");
    let mut left: Vec<u64> = stamps.iter().map(|(_, stamp)| stamp.actual_ns).collect();
    left.dedup();
    assert!(left.len() * 2 < wanted.len(), "{} writes for {} events", left.len(), wanted.len());
}

#[test]
fn a_server_that_goes_or_sends_no_message_ends_the_publisher_with_the_reason() {
    let Rig { mut publisher, server, .. } = start(settings(100.0, None));
    drop(server);
    let error = error_of(&mut publisher);
    assert!(matches!(error, PublisherError::Feed(FeedError::Closed)), "{error:?}");

    let Rig { mut publisher, mut server, .. } = start(settings(0.0, uplink(UplinkTo::Application)));
    server.write_all(&frame::encode_feed(0, b"no message")).unwrap();
    let error = error_of(&mut publisher);
    assert!(matches!(error, PublisherError::NotAMessage(_)), "{error:?}");
}

#[test]
fn a_publisher_that_is_stopped_ends_before_its_schedule() {
    let mut settings = settings(1.0, None);
    settings.phases.window_ns = 3_600_000 * MS;
    let Rig { publisher, server: _server, .. } = start(settings);
    assert!(finish(publisher).handed_over < 100);
}

fn error_of(publisher: &mut Publisher) -> PublisherError {
    wait_until(|| publisher.has_given_up());
    publisher.finish().unwrap_err()
}

fn await_schedules_end(publisher: &Publisher) -> u64 {
    wait_until(|| publisher.progress().expected().is_some());
    publisher.progress().expected().unwrap()
}

fn take_all(outgoing: &mut mpsc::UnboundedReceiver<u64>) -> Vec<u64> {
    std::iter::from_fn(|| outgoing.try_recv().ok()).collect()
}

fn wait_until(reached: impl Fn() -> bool) {
    let limit_ns = os::now_ns() + 30_000 * MS;
    while !reached() {
        assert!(os::now_ns() < limit_ns, "it takes more than 30 s");
        thread::sleep(Duration::from_millis(1));
    }
}
