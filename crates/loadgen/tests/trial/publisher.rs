//! The publisher against a feed or a port of the test's own: the schedule goes on when the server does not.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use loadgen::assignment::Assignment;
use loadgen::numbering::{ChannelNumbers, Numbering};
use loadgen::publisher::feed_connection::{FeedConnection, FeedError};
use loadgen::publisher::post_connection::PostConnection;
use loadgen::publisher::{self, Caller, Link, Publisher, PublisherError, PublisherSpec, events_schedule};
use loadgen::schedule::Timing;
use model::settings::{Events, Pace, Phases, Settings, Subscribers, Uplink, UplinkTo};
use model::target::PublishRequest;
use protocol::frame;
use protocol::message::{Message, PayloadKind, Stamp};
use tokio::sync::mpsc;

use crate::MS;
use crate::server::next_body;

const SEED: u64 = 5;

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
    let (publisher, outgoing, timing) = publish(settings, Link::Feed(feed.into()));
    Rig { publisher, server, outgoing, timing }
}

fn publish(settings: Settings, link: Link) -> (Publisher, Vec<mpsc::UnboundedReceiver<u64>>, Timing) {
    let assignment = Assignment::new(&settings.subscribers, 1);
    let (senders, outgoing) = (0..assignment.subscribers()).map(|_| mpsc::unbounded_channel()).unzip();
    let timing = Timing::new(os::now_ns() + MS, &settings.phases);
    let settings = Arc::new(settings);
    let spec = PublisherSpec { link, settings, seed: SEED, timing, assignment, outgoing: senders };
    (Publisher::start(spec).unwrap(), outgoing, timing)
}

/// The channels and stamps of the messages on the feed.
fn stamps(mut feed: &UnixStream) -> impl Iterator<Item = (u32, Stamp)> {
    let mut decoder = frame::Decoder::new(10_000);
    std::iter::from_fn(move || {
        let (channel, message) = frame::decode_feed(next_body(&mut feed, &mut decoder)?).unwrap();
        Some((channel, Message::decode(&message).unwrap().stamp))
    })
}

/// What the schedule wants of `settings`: times of `CLOCK_MONOTONIC` and sources.
fn wanted(settings: &Settings, timing: Timing) -> Vec<(u32, u64)> {
    let schedule = events_schedule(settings, &Assignment::new(&settings.subscribers, 1), timing, SEED);
    schedule.map(|due| (due.source, timing.start_ns + due.offset_ns)).collect()
}

#[test]
fn a_server_that_pauses_moves_the_hand_over_and_not_the_schedule() {
    let settings = settings(200.0, None);
    let Rig { mut publisher, server, timing, .. } = start(settings.clone());
    let wanted = wanted(&settings, timing);
    let mut feed = stamps(&server);
    let mut stamps: Vec<(u32, Stamp)> = feed.by_ref().take(80).collect();
    let pause_begin = os::now_ns();
    thread::sleep(Duration::from_millis(300));
    let pause_end = os::now_ns();
    stamps.extend(feed.take(wanted.len() - 80));

    let seen: Vec<(u32, u64)> = stamps.iter().map(|(channel, stamp)| (*channel, stamp.intended_ns)).collect();
    assert_eq!(seen, wanted, "nothing is lost, and every event carries the time at which it was wanted");
    assert!(stamps.iter().all(|(_, stamp)| stamp.actual_ns >= stamp.intended_ns));
    assert!(stamps.is_sorted_by_key(|(_, stamp)| stamp.actual_ns));
    let in_pause = |ns: u64| (pause_begin..pause_end).contains(&ns);
    let due = stamps.iter().filter(|(_, stamp)| in_pause(stamp.intended_ns)).count();
    let taken = stamps.iter().filter(|(_, stamp)| in_pause(stamp.actual_ns)).count();
    assert!(due >= 118, "{due} were due in a pause of 300 ms");
    assert!(taken * 4 < due, "{taken} of {due} were taken by a server that stood still");

    let found = publisher.finish().unwrap();
    let counted = wanted.iter().filter(|(_, intended)| timing.window().contains(intended)).count() as u64;
    assert_eq!((found.handed_over, found.expected), (counted, counted * 3));
    assert_eq!(found.schedule_lag.len(), counted);
}

#[test]
fn subscribers_get_their_send_times() {
    let Rig { mut publisher, mut outgoing, timing, server: _server } =
        start(settings(0.0, uplink(UplinkTo::Channel)));
    await_schedules_end(&publisher);
    let take_all = |queue: &mut mpsc::UnboundedReceiver<u64>| -> Vec<u64> {
        std::iter::from_fn(|| queue.try_recv().ok()).collect()
    };
    let times: Vec<Vec<u64>> = outgoing.iter_mut().map(take_all).collect();
    assert!(times.iter().all(|times| times.is_sorted() && !times.is_empty()));
    let due = times.concat().iter().filter(|intended| timing.window().contains(intended)).count() as u64;
    let found = publisher.finish().unwrap();
    assert_eq!((found.uplink_due, found.expected, found.handed_over), (due, due * 3, 0));
}

#[test]
fn what_comes_back_to_the_application_is_timed() {
    let Rig { mut publisher, mut server, timing, .. } = start(settings(0.0, uplink(UplinkTo::Application)));
    for intended_ns in [timing.window_start_ns - 1, timing.window_start_ns, timing.window_end_ns] {
        let stamp = Stamp { seq: 0, intended_ns, actual_ns: intended_ns };
        let message = Message { stamp, payload: b"up", kind: PayloadKind::Text }.to_bytes();
        server.write_all(&frame::encode_feed(1, &message)).unwrap();
    }
    let due = await_schedules_end(&publisher);
    assert_eq!(due, 0, "what goes to the application is delivered to no subscriber");
    let found = publisher.finish().unwrap();
    assert_eq!((found.uplink_received, found.uplink.len()), (1, 1));
    assert!(found.uplink_due > 0);
}

#[test]
fn what_is_due_together_leaves_together_and_a_dense_schedule_is_not_waited_for_event_by_event() {
    let mut settings = settings(30_000.0, None);
    settings.phases.window_ns = 200 * MS;
    let Rig { mut publisher, server, timing, .. } = start(settings.clone());
    let wanted = wanted(&settings, timing);
    let stamps: Vec<(u32, Stamp)> = stamps(&server).take(wanted.len()).collect();
    publisher.finish().unwrap();
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
    let Rig { mut publisher, server: _server, .. } = start(settings);
    assert!(publisher.finish().unwrap().handed_over < 100);
}

/// A publisher that posts on this many connections to a server that numbers nothing.
fn post(settings: Settings, connections: usize) -> (Publisher, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connection = |_| -> Box<dyn Caller> {
        Box::new(PostConnection::connect(address, PublishRequest::own(), None).unwrap())
    };
    let connections = (0..connections).map(connection).collect();
    let link = Link::Post { connections, is_answered: true, numbering: Numbering::Publisher, newline: false };
    (publish(settings, link).0, listener)
}

/// The channel's path and the number of the next event that is posted on this connection.
fn posted(stream: &mut TcpStream) -> (String, u64) {
    let (mut read, mut part) = (Vec::new(), [0; 1000]);
    loop {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "the publisher closed the connection");
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && head.contains(&format!("content-length: {}", body.len()))
        {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            return (path, Message::decode(body.as_bytes()).unwrap().stamp.seq);
        }
    }
}

fn take(stream: &mut TcpStream) {
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
}

#[test]
fn of_the_events_that_the_publisher_numbers_those_of_a_channel_are_posted_one_after_another() {
    let (mut publisher, listener) = post(settings(5_000.0, None), 3);
    let mut streams = [(); 3].map(|()| listener.accept().unwrap().0);
    let mut seen = [0; 2];
    for _ in 0..100 {
        // Two channels: two events at most are under way, one of each.
        let mut under_way: Vec<&mut TcpStream> =
            streams.iter_mut().filter(|stream| has_come(stream)).collect();
        assert!(under_way.len() <= 2, "{}", under_way.len());
        for stream in &mut under_way {
            let (path, seq) = posted(stream);
            let channel = usize::from(path.ends_with('1'));
            seen[channel] += 1;
            assert_eq!(ChannelNumbers::new(2).read(seq), (channel as u64, seen[channel]), "{path}");
        }
        under_way.into_iter().for_each(take);
    }
    assert!(seen.iter().all(|&seen| seen > 20), "{seen:?}");
    publisher.finish().unwrap();
}

/// Whether something comes within a moment.
fn has_come(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(3))).unwrap();
    let has_come = stream.peek(&mut [0]).is_ok();
    stream.set_read_timeout(None).unwrap();
    has_come
}

#[test]
fn connections_that_the_server_closes_while_they_lie_idle_are_opened_again_for_the_next_event() {
    let (mut publisher, listener) = post(settings(20.0, None), 2);
    for _ in 0..2 {
        drop(listener.accept().unwrap());
    }
    for _ in 0..10 {
        let (mut stream, _) = listener.accept().unwrap();
        posted(&mut stream);
        take(&mut stream);
    }
    assert!(!publisher.has_given_up());
    publisher.finish().unwrap();
}

fn error_of(publisher: &mut Publisher) -> PublisherError {
    wait_until(|| publisher.has_given_up());
    publisher.finish().unwrap_err()
}

fn await_schedules_end(publisher: &Publisher) -> u64 {
    wait_until(|| publisher.progress().expected().is_some());
    publisher.progress().expected().unwrap()
}

fn wait_until(reached: impl Fn() -> bool) {
    let limit_ns = os::now_ns() + 30_000 * MS;
    while !reached() {
        assert!(os::now_ns() < limit_ns, "it takes more than 30 s");
        thread::sleep(Duration::from_millis(1));
    }
}
