//! The effects of the controls on the techniques' own ports, and figures that add up.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use protocol::Message;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::demo::{self, Demo, figures_of};

const NDJSON: &str = "http-streaming-ndjson";

/// The events of a technique's stream with the time at which each was read, ns of `CLOCK_MONOTONIC`.
fn events(demo: &Demo) -> impl Iterator<Item = (u64, u64)> {
    let lines = demo::stream(demo.server_of(NDJSON), "/stream?channel=0");
    lines.filter_map(|line| {
        let received_ns = os::now_ns();
        // Lines between messages are chunk sizes.
        let message = Message::decode(line.as_bytes()).ok()?;
        (!message.stamp.is_greeting()).then_some((message.stamp.intended_ns, received_ns))
    })
}

#[test]
fn the_layers_of_a_technique_add_up_to_the_bytes_of_its_socket() {
    let demo = Demo::start();
    let request = b"GET /events?channel=0&after=0 HTTP/1.1\r\nhost: demo\r\n\r\n";
    let mut stream = demo::connect(demo.server_of("long-polling"));
    let mut read = 0;
    for _ in 0..2 {
        stream.write_all(request).unwrap();
        // The answer may come in pieces; its last byte ends a message.
        let mut answer = Vec::new();
        while answer.last() != Some(&b'\n') || !answer.ends_with(b"]\n") {
            let mut piece = [0; 4096];
            let len = stream.read(&mut piece).unwrap();
            assert!(len > 0, "it was closed");
            answer.extend_from_slice(&piece[..len]);
        }
        read += answer.len();
    }
    let figures = demo.figures();
    let found = figures_of(&figures, "long-polling");
    let layers = found["layers"].as_object().unwrap();
    let sum: u64 = layers.values().map(|bytes| bytes.as_u64().unwrap()).sum();
    assert_eq!(sum, (2 * request.len() + read) as u64, "{found}");
    assert_eq!(found["bytes"], sum);
    assert_eq!((&found["requests"], &found["connections"]), (&2.into(), &1.into()));
    assert!(layers["request head"].as_u64().unwrap() == 2 * request.len() as u64, "{found}");
    drop(stream);
    demo.figures_when("the connection is closed", |figures| {
        figures_of(figures, "long-polling")["connections"] == 0
    });
}

#[test]
fn pages_of_other_origins_may_read_a_technique_and_only_there() {
    let demo = Demo::start();
    let found = demo::send(demo.server_of("short-polling"), "GET", "/events?channel=0", &[], "");
    assert!(found.has("access-control-allow-origin: *"), "{found:?}");
    assert!(!demo.get("/setup").head.contains("access-control"));
}

#[test]
fn a_faster_rate_is_published_and_a_larger_payload_carried() {
    let demo = Demo::start();
    assert_eq!(demo.control(r#"{"rate_per_s": 200, "payload_bytes": 5000}"#).status, 200);
    let start = demo.figures();
    let least = start["published"].as_u64().unwrap() + 200;
    let reached = demo.figures_when("200 events", |figures| figures["published"].as_u64().unwrap() >= least);
    let took_ms = reached["at_ms"].as_f64().unwrap() - start["at_ms"].as_f64().unwrap();
    // Open loop: 200 events take a second, and a late look finds more of them.
    assert!(took_ms >= 900.0, "{took_ms}");
    let line = demo::stream(demo.server_of(NDJSON), "/stream?channel=0");
    assert!(line.into_iter().any(|line| line.len() == 5_000 + protocol::message::TEXT_STAMP_LEN));
}

#[test]
fn an_added_delay_acts_in_both_directions() {
    let demo = Demo::start();
    assert_eq!(demo.control(r#"{"delay_ms": 150}"#).status, 200);
    let found = demo.server_of("short-polling");
    let start = Instant::now();
    let answer = demo::send(found, "GET", "/events?channel=0", &[], "");
    assert_eq!(answer.status, 200, "a greeting: {answer:?}");
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[test]
fn a_stall_holds_every_event_that_falls_due_and_loses_none() {
    let demo = Demo::start();
    demo.control(r#"{"rate_per_s": 50}"#);
    let mut events = events(&demo);
    events.next().expect("the feed is there");
    assert_eq!(demo.control(r#"{"stall_ms": 1000}"#).status, 200);
    let figures = demo.figures();
    let begun_ns: u64 = demo.setup()["begun_ns"].as_str().unwrap().parse().unwrap();
    let at = |key: &str| begun_ns + (figures["stall"][key].as_f64().unwrap() * 1e6) as u64;
    let (from_ns, until_ns) = (at("from_ms"), at("until_ms"));
    let of_stall: Vec<_> = events
        .skip_while(|(intended_ns, _)| *intended_ns < from_ns)
        .take_while(|(intended_ns, _)| *intended_ns < until_ns)
        .collect();
    assert!((49..=51).contains(&of_stall.len()), "{} of 50 events", of_stall.len());
    for (intended_ns, received_ns) in of_stall {
        assert!(received_ns >= until_ns, "due {} ms before the end", (until_ns - intended_ns) / 1_000_000);
    }
}

#[tokio::test]
async fn a_websocket_is_closed_with_the_requested_code() {
    use futures_util::StreamExt as _;

    let demo = Demo::start();
    let address = demo.server_of("websocket");
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/ws?channel=0");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Frame::Text(_)))), "the greeting");
    assert_eq!(demo.control(r#"{"close_code": 4001}"#).status, 200);
    let close = loop {
        match socket.next().await.expect("a close before the end").unwrap() {
            Frame::Close(close) => break close.expect("a code"),
            Frame::Text(_) | Frame::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((u16::from(close.code), &*close.reason), (4001, "requested by the page"));
}

#[test]
fn all_techniques_have_the_same_events() {
    let demo = Demo::start();
    demo.figures_when("five events", |figures| figures["published"].as_u64().unwrap() >= 5);
    let lines = |slug: &str| {
        let answer = demo::send(demo.server_of(slug), "GET", "/events?channel=0&after=0", &[], "");
        answer.body.lines().take(5).map(str::to_owned).collect::<Vec<_>>()
    };
    let short = lines("short-polling");
    assert_eq!(short.len(), 5);
    assert_eq!(short, lines("long-polling"));
}

#[test]
fn a_page_is_counted_while_it_follows_the_figures() {
    let demo = Demo::start();
    let viewers = |figures: &Value| figures["viewers"].as_u64().unwrap();
    let mut open = demo::stream(demo.address, "/figures");
    open.find(|line| line.starts_with("data: ")).expect("figures");
    assert_eq!(viewers(&demo.figures_when("two pages", |figures| viewers(figures) == 2)), 2);
    drop(open);
    demo.figures_when("one page", |figures| viewers(figures) == 1);
}
