//! A row for each fault that a target may have.

use super::super::exchange::{Head, Part};
use super::*;
use model::target::Frame;

const CHANGED: &str = r#"{"data":["00000001000000e8d4a51000000000e8d4a51007"; "hello"]}"#;

fn exchange(first: &str, field: (&str, &str), part: &str) -> Exchange {
    let head = |first: &str| Head {
        first: first.to_owned(),
        fields: vec![(field.0.to_owned(), field.1.to_owned())],
    };
    Exchange {
        request: head("GET /here HTTP/1.1"),
        response: (!first.is_empty()).then(|| head(first)),
        parts: (!part.is_empty())
            .then(|| Part { what: "text frame", bytes: part.as_bytes().to_owned() })
            .into_iter()
            .collect(),
    }
}

fn seen(technique: &str, subscription: Exchange, posts: &[(u16, &str, u64)]) -> Seen {
    let post = |&(status, text, ms): &(u16, &str, u64)| Post {
        status,
        text: text.to_owned(),
        location: None,
        took: Duration::from_millis(ms),
    };
    Seen {
        technique: technique.to_owned(),
        open: Vec::new(),
        publish: Publish::own(),
        outcome: None,
        subscriptions: vec![subscription],
        posts: posts.iter().map(post).collect(),
    }
}

#[test]
fn a_fault_has_a_cause_and_a_remedy() {
    const NONE: (&str, &str) = ("", "");
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols";
    const OK: &str = "HTTP/1.1 200 OK";
    let taken = [(204, "", 1)];
    for (technique, subscription, posts, expected) in [
        (
            "websocket",
            exchange("HTTP/1.1 404 Not Found", NONE, "no such"),
            &[][..],
            "404 (no such) to GET /here: correct `path`",
        ),
        (
            "websocket",
            exchange("HTTP/1.1 401 Unauthorized", NONE, ""),
            &[],
            "401 to GET /here: give it what it asks for",
        ),
        ("websocket", exchange(OK, NONE, ""), &[], "what answers there is no WebSocket"),
        (
            "http-streaming-sse",
            exchange("", NONE, ""),
            &[],
            "takes GET /here and sends no head: have it send the head at once",
        ),
        (
            "http-streaming-sse",
            exchange(OK, ("content-type", "text/html"), ""),
            &taken,
            "the stream's content type is text/html",
        ),
        (
            "long-polling",
            exchange(OK, ("content-encoding", "gzip"), ""),
            &taken,
            "set headers = { accept-encoding = \"\" }",
        ),
        ("websocket", exchange(SWITCH, NONE, CHANGED), &taken, "event 1 arrives changed"),
        (
            "websocket",
            exchange(SWITCH, NONE, "{\"type\":\"welcome\"}"),
            &taken,
            "none arrived, only {\"type\":\"welcome\"}: compare the channel",
        ),
        (
            "websocket",
            exchange(SWITCH, NONE, ""),
            &taken,
            "compare the channel in `path` of [techniques.websocket]",
        ),
        (
            "websocket",
            exchange(SWITCH, NONE, ""),
            &[(415, "no JSON", 1)],
            "415 (no JSON) to POST /messages?channel={channel}: set `content_type`",
        ),
        (
            "websocket",
            exchange(SWITCH, NONE, ""),
            &[(0, "", 900)],
            "did not answer POST /messages?channel={channel} within 0.9 s",
        ),
    ] {
        let Verdict::Fails(found) = verdict(&seen(technique, subscription, posts)) else {
            panic!("{expected}")
        };
        assert!(found.contains(expected), "`{expected}` is not in `{found}`");
    }
}

#[test]
fn what_open_waits_for_in_vain_is_named() {
    let frame = |text: &str| Some(Frame::Text(text.to_owned()));
    let switched =
        exchange("HTTP/1.1 101 Switching Protocols", ("", ""), "{\"type\":\"welcome\",\"id\":\"x\"}");
    let mut seen = seen("websocket", switched, &[]);
    let step = |until| OpenStep { send: frame("hello"), until };
    for (open, expected) in [
        (vec![step(frame("welcome"))], "look at the server's log"),
        (
            vec![step(frame("\"id\":\"{id}\"")), step(frame("joined {id}"))],
            "`until` in `open` waits for joined x, and the last that the server sent is {\"type\":\"welcome\"",
        ),
        (vec![step(frame("connection_ack"))], "correct `open` of [techniques.websocket]"),
    ] {
        seen.open = open;
        let Verdict::Fails(found) = verdict(&seen) else { panic!("{expected}") };
        assert!(found.contains(expected), "`{expected}` is not in `{found}`");
    }
}

#[test]
fn a_slow_publish_call_is_no_fault_and_is_named() {
    let mut slow = seen("websocket", Exchange::default(), &[(200, "", 90), (200, "", 1), (200, "", 60)]);
    let mut outcome = TrialOutcome::default();
    outcome.counts.delivered = EVENTS;
    slow.outcome = Some(Ok(outcome));
    let Verdict::Works(Some(advice)) = verdict(&slow) else { panic!("{slow:?}") };
    assert!(advice.contains("takes 60 ms") && advice.contains("at most 17 events/s"), "{advice}");
    slow.posts.clear();
    assert_eq!(verdict(&slow), Verdict::Works(None));
}
