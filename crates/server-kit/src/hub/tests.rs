//! Numbering, replay, lag, greeting, late joiners, and who is woken.

use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use protocol::message::PayloadKind;
use protocol::{Stamp, Start};

use super::*;
use crate::settings::{LagPolicy, Limits};

fn message(payload: &str) -> BytesMut {
    let message = Message { stamp: Stamp::default(), payload: payload.as_bytes(), kind: PayloadKind::Text };
    BytesMut::from(&message.to_bytes()[..])
}

fn hub(settings: &Settings) -> Hub {
    Hub::new(|seq, message| Bytes::from([seq.to_string().as_bytes(), b":", message].concat()), settings)
}

fn retaining(replay_events: usize, lag_policy: LagPolicy) -> Hub {
    hub(&Settings {
        limits: Limits { replay_events, ..Limits::default() },
        lag_policy,
        ..Settings::default()
    })
}

fn publish(hub: &Hub, count: usize) {
    for _ in 0..count {
        hub.publish(0, message("x")).unwrap();
    }
}

fn from(hub: &Hub, start: Start) -> Subscription {
    hub.subscribe(Resume { channel: 0, start }).unwrap()
}

/// What is there, one by one.
fn events(subscription: &mut Subscription) -> Vec<Run> {
    std::iter::from_fn(|| subscription.run(0).unwrap()).collect()
}

fn sequence(subscription: &mut Subscription) -> Vec<u64> {
    events(subscription).iter().map(|event| event.last).collect()
}

#[test]
fn each_channel_numbers_its_messages_from_one_and_in_place() {
    let hub = hub(&Settings::default());
    assert_eq!(hub.publish(0, message("a")), Ok(1));
    assert_eq!(hub.publish(0, message("b")), Ok(2));
    assert_eq!(hub.publish(7, message("c")), Ok(1));
    let event = from(&hub, Start::After(1)).run(0).unwrap().unwrap();
    let decoded = Message::decode(event.bytes.strip_prefix(b"2:").unwrap()).unwrap();
    assert_eq!((event.last, decoded.stamp.seq, decoded.payload), (2, 2, &b"b"[..]));
}

#[test]
fn all_subscribers_share_the_encoded_bytes() {
    let hub = hub(&Settings::default());
    publish(&hub, 1);
    let encoded = || from(&hub, Start::After(0)).run(0).unwrap().unwrap().bytes;
    assert_eq!(encoded().as_ptr(), encoded().as_ptr());
}

#[test]
fn all_that_is_there_is_one_run() {
    let hub = hub(&Settings::default());
    publish(&hub, 5);
    let mut subscription = from(&hub, Start::After(2));
    let run = subscription.run(usize::MAX).unwrap().unwrap();
    assert_eq!((run.events, run.last, subscription.position()), (3, 5, 5));
    let one_by_one = events(&mut from(&hub, Start::After(2)));
    assert_eq!(run.bytes, one_by_one.iter().flat_map(|event| event.bytes.to_vec()).collect::<Vec<_>>());
    assert_eq!(subscription.run(usize::MAX), Ok(None));
}

fn coalescing(window: Duration, replay_events: usize) -> Hub {
    hub(&Settings {
        coalescing: window,
        limits: Limits { replay_events, ..Limits::default() },
        ..Settings::default()
    })
}

#[tokio::test(start_paused = true)]
async fn events_are_held_from_the_first_on_and_released_together() {
    let window = Duration::from_millis(20);
    let hub = coalescing(window, 100);
    let mut subscription = from(&hub, Start::Fresh);
    for _ in 0..2 {
        let begun = tokio::time::Instant::now();
        publish(&hub, 1);
        tokio::time::sleep(window / 2).await;
        publish(&hub, 2);
        assert_eq!(subscription.run(usize::MAX), Ok(None));
        assert_eq!(subscription.next_run(usize::MAX).await.unwrap().events, 3);
        assert!(begun.elapsed() >= window && begun.elapsed() < 2 * window, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_events_are_held_begins_behind_them() {
    let hub = coalescing(Duration::from_millis(20), 100);
    publish(&hub, 1);
    let (mut fresh, mut resumed) = (from(&hub, Start::Fresh), from(&hub, Start::After(0)));
    assert_eq!(fresh.position(), 1);
    assert_eq!(resumed.next_run(0).await.unwrap().last, 1);
    publish(&hub, 1);
    assert_eq!(fresh.next_run(0).await.unwrap().last, 2);
}

#[tokio::test(start_paused = true)]
async fn held_events_are_released_before_the_first_would_be_lost() {
    let hub = coalescing(Duration::from_secs(3_600), 3);
    let mut subscription = from(&hub, Start::Fresh);
    publish(&hub, 2);
    assert_eq!(subscription.run(usize::MAX), Ok(None));
    publish(&hub, 1);
    assert_eq!(sequence(&mut subscription), [1, 2, 3]);
}

#[test]
fn a_subscriber_begins_where_it_wants_to() {
    let hub = hub(&Settings::default());
    publish(&hub, 5);
    assert_eq!(sequence(&mut from(&hub, Start::After(0))), [1, 2, 3, 4, 5]);
    assert_eq!(sequence(&mut from(&hub, Start::After(3))), [4, 5]);
    let mut late = from(&hub, Start::Fresh);
    assert_eq!((late.position(), late.run(0)), (5, Ok(None)));
    publish(&hub, 1);
    assert_eq!(late.run(0).unwrap().map(|event| event.last), Some(6));
}

#[test]
fn a_position_beyond_the_head_is_brought_back_to_it() {
    let hub = hub(&Settings::default());
    publish(&hub, 2);
    let mut from_before_a_restart = from(&hub, Start::After(1_000));
    publish(&hub, 1);
    assert_eq!(sequence(&mut from_before_a_restart), [3]);
}

#[test]
fn a_subscriber_that_fell_out_of_the_window_is_told_what_it_missed() {
    let hub = retaining(3, LagPolicy::Disconnect);
    let mut slow = from(&hub, Start::Fresh);
    publish(&hub, 5);
    assert_eq!(slow.run(0), Err(Lagged { missed: 2 }));
    assert_eq!(from(&hub, Start::After(1)).run(0), Err(Lagged { missed: 1 }));
    assert_eq!(sequence(&mut from(&hub, Start::After(2))), [3, 4, 5]);
    assert_eq!(sequence(&mut from(&hub, Start::After(0))), [3, 4, 5]);
}

#[test]
fn a_subscriber_that_may_skip_goes_on_and_the_gap_is_counted() {
    let hub = retaining(3, LagPolicy::Skip);
    let mut slow = from(&hub, Start::Fresh);
    publish(&hub, 5);
    assert_eq!(sequence(&mut slow), [3, 4, 5]);
    assert_eq!(hub.skipped(), 2);
}

#[test]
fn a_run_stops_at_its_bytes_but_holds_one_event_at_least() {
    let hub = hub(&Settings::default());
    publish(&hub, 4);
    let mut subscription = from(&hub, Start::After(0));
    let first = subscription.run(1).unwrap().unwrap();
    assert_eq!((first.events, subscription.position()), (1, 1));
    let next = subscription.run(2 * first.bytes.len()).unwrap().unwrap();
    assert_eq!((next.events, subscription.position()), (2, 3));
}

#[test]
fn only_a_fresh_subscriber_is_greeted_once_and_told_its_position() {
    let hub = hub(&Settings { greeting: true, ..Settings::default() });
    publish(&hub, 4);
    let mut fresh = from(&hub, Start::Fresh);
    let greeting = fresh.greeting().unwrap();
    let message = Message::decode(greeting.strip_prefix(b"4:").unwrap()).unwrap();
    assert_eq!(message.stamp, Stamp { seq: 4, intended_ns: 0, actual_ns: 0 });
    assert!(message.payload.starts_with(br#"{"content":"welcome","timestamp":1"#));
    assert_eq!((fresh.greeting(), from(&hub, Start::After(4)).greeting()), (None, None));
}

#[test]
fn what_one_technique_could_not_carry_none_is_given() {
    let settings =
        Settings { limits: Limits { message_bytes: 60, ..Limits::default() }, ..Settings::default() };
    let hub = hub(&settings);
    let rejected = |message: &[u8]| hub.publish(0, BytesMut::from(message)).unwrap_err().to_string();
    assert_eq!(rejected(b"hello"), "not a message: a message of 5 bytes is too short to hold a stamp");
    assert_eq!(rejected(&message("a\nb")), "not a message: it holds a line break");
    let mut not_utf8 = message("x");
    not_utf8[45] = 0xff;
    assert_eq!(rejected(&not_utf8), "not a message: it is not UTF-8");
    assert_eq!(rejected(&message("fourteen bytes")), "a message of 61 bytes is over the limit of 60");
    assert_eq!(hub.publish(0, message("thirteen byte")), Ok(1));
}

#[test]
fn a_channel_beyond_the_limit_is_unknown() {
    let hub = hub(&Settings { limits: Limits { channels: 2, ..Limits::default() }, ..Settings::default() });
    let error = hub.publish(2, message("x")).unwrap_err();
    assert_eq!(error.to_string(), "there is no channel 2: this server's are numbered from 0 to 1");
    assert!(hub.subscribe(Resume { channel: 2, start: Start::Fresh }).is_err());
    assert_eq!(hub.publish(1, message("x")), Ok(1));
}

#[tokio::test]
async fn everybody_who_waits_is_woken() {
    let hub = hub(&Settings::default());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let mut subscription = from(&hub, Start::Fresh);
            tokio::spawn(async move { subscription.next_run(0).await.unwrap().last })
        })
        .collect();
    while hub.waiting(0) < 3 {
        tokio::task::yield_now().await;
    }
    publish(&hub, 1);
    for task in waiting {
        assert_eq!(task.await.unwrap(), 1);
    }
}

#[test]
fn who_gives_up_waiting_leaves_nothing_behind() {
    let hub = hub(&Settings::default());
    for _ in 0..3 {
        let mut subscription = from(&hub, Start::Fresh);
        let cx = Context::from_waker(Waker::noop());
        assert!(subscription.poll_ready(&cx).is_pending());
        assert!(subscription.poll_run(&cx, 0).is_pending());
        assert_eq!(hub.waiting(0), 1);
    }
    assert_eq!(hub.waiting(0), 0);
    let channel = hub.channel(0).unwrap();
    assert_eq!(channel.lock().waiting.slots(), 1, "a slot is used again");
}

#[test]
fn messages_to_the_application_go_to_the_oldest_connection_and_are_counted_when_dropped() {
    let hub = hub(&Settings { uplink: UplinkTo::Application, ..Settings::default() });
    hub.uplink(3, &message("nobody there")).unwrap();
    assert_eq!(hub.undelivered(), 1);
    let (mut first, mut second) = (hub.application(1), hub.application(1));
    hub.uplink(3, &message("a")).unwrap();
    hub.uplink(3, &message("full")).unwrap();
    assert_eq!(first.try_recv().unwrap(), protocol::frame::encode_feed(3, &message("a")));
    assert!(second.try_recv().is_err());
    assert_eq!(hub.undelivered(), 2);
    drop(first);
    hub.uplink(3, &message("b")).unwrap();
    assert_eq!(second.try_recv().unwrap(), protocol::frame::encode_feed(3, &message("b")));
}
