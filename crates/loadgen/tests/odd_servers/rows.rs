//! The rows: what a server does, and what must come of it.

use std::time::Duration;

use model::settings::Payload;
use model::target::Connected;

use crate::server::{HangUp, Script, Wrapping};

pub(crate) const SUBSCRIBERS: u32 = 3;
pub(crate) const EVENTS: u64 = 7;
pub(crate) const DELIVERIES: u64 = SUBSCRIBERS as u64 * EVENTS;

pub(crate) struct Row {
    /// What the server does.
    pub(crate) oddity: &'static str,
    pub(crate) script: Script,
    pub(crate) subscriber: Subscriber,
    pub(crate) channels: u32,
    pub(crate) payload: Payload,
    pub(crate) connected: Connected,
    /// The text by which an answer to a post is no success.
    pub(crate) lacks: Option<&'static str>,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy)]
pub(crate) enum Subscriber {
    Sse,
    Ndjson,
    WebSocket,
    LongPolling,
    SocketIo,
}

#[derive(Clone, Copy)]
pub(crate) enum Expected {
    /// All 21 deliveries, once and in order, with so many reconnects and control messages.
    Complete { reconnects: u64, control: u64 },
    /// No figures, and these words as the reason.
    Fails(&'static str),
}

use Expected::{Complete, Fails};

pub(crate) const ALL: Expected = Complete { reconnects: 0, control: 0 };
/// One control message for each subscriber.
const CONTROL: Expected = Complete { reconnects: 0, control: SUBSCRIBERS as u64 };

const MOVED: &str = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
const ELSEWHERE: Expected =
    Fails("307 Temporary Redirect, and names another address, which is not followed: /elsewhere");

const ORDINARY: Script = Script {
    head: "",
    first: "",
    event: "",
    between: "",
    last: "",
    wrapping: Wrapping::Nothing,
    cut: None,
    edit: str::to_owned,
    mixes_channels: false,
    posted: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    posted_after: Duration::ZERO,
    delays_head: false,
    hang_up: HangUp::Never,
};
pub(crate) const SSE: Script = Script {
    head: "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
    event: "id: {n}\ndata: {message}\n\n",
    ..ORDINARY
};
const NDJSON: Script = Script {
    head: "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n",
    event: "{message}\n",
    ..ORDINARY
};
const WEBSOCKET: Script = Script {
    head: "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
           sec-websocket-accept: {accept}\r\n\r\n",
    event: "{message}",
    wrapping: Wrapping::Frames,
    ..ORDINARY
};
const POLL: Script = Script {
    head: "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n",
    first: "[",
    event: "{message}",
    between: ",",
    last: "]",
    wrapping: Wrapping::Poll,
    ..ORDINARY
};

pub(crate) fn row(oddity: &'static str, subscriber: Subscriber, script: Script, expected: Expected) -> Row {
    let (connected, lacks) = (Connected::Answered, None);
    Row { oddity, script, subscriber, channels: 1, payload: Payload::Text, connected, lacks, expected }
}

pub(crate) fn server_sent_events() -> Vec<Row> {
    let sse = |oddity, script, expected| row(oddity, Subscriber::Sse, script, expected);
    let once_each = Complete { reconnects: u64::from(SUBSCRIBERS), control: 0 };
    let untyped = "HTTP/1.1 200 OK\r\n\r\n";
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\r\n";
    let typed = "HTTP/1.1 200 OK\r\ncontent-type: Text/Event-Stream;charset=utf-8\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let gzip = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\
                content-encoding: gzip\r\n\r\n";
    let id_alone = "data: {message}\n\nid: {n}\n\n";
    vec![
        sse("nothing", SSE, ALL),
        sse("it closes between id and data", Script { cut: Some((3, "id: 3\nda")), ..SSE }, once_each),
        sse(
            "it closes before the empty line",
            Script { cut: Some((3, "id: 3\ndata: x\n")), ..SSE },
            once_each,
        ),
        sse("an id in a block of its own", Script { event: id_alone, cut: Some((4, "")), ..SSE }, once_each),
        sse("an event of another type first", Script { first: "event: ping\ndata: 1\n\n", ..SSE }, CONTROL),
        sse(
            "an event of another type before each",
            Script { event: "event: ping\ndata: 1\n\nid: {n}\ndata: {message}\n\n", ..SSE },
            Complete { reconnects: 0, control: DELIVERIES },
        ),
        sse("comments and empty lines", Script { event: ": x\n\n\ndata: {message}\n\n", ..SSE }, ALL),
        sse("CRLF", Script { event: "id: {n}\r\ndata: {message}\r\n\r\n", ..SSE }, ALL),
        sse("an envelope", Script { event: "data: {\"at\":{n},\"text\":\"{json}\"}\n\n", ..SSE }, ALL),
        sse("data in several lines", Script { event: "data: {\ndata: \"x\":{message}}\n\n", ..SSE }, ALL),
        sse(
            "HTML",
            Script { head: html, ..SSE },
            Fails("event stream is text/html; charset=utf-8, and must be"),
        ),
        sse("no content type", Script { head: untyped, ..SSE }, Fails("event stream is none, and must be")),
        sse("another address", Script { head: MOVED, ..SSE }, ELSEWHERE),
        sse("a type in capitals with a parameter", Script { head: typed, ..SSE }, ALL),
        sse(
            "17 digits of a chunk's size",
            Script { head: chunked, wrapping: Wrapping::Chunks(17), ..SSE },
            ALL,
        ),
        sse("a gzip member each", Script { head: gzip, wrapping: Wrapping::GzipMembers, ..SSE }, ALL),
    ]
}

pub(crate) fn streams_and_polls() -> Vec<Row> {
    let ndjson = |oddity, script, expected| row(oddity, Subscriber::Ndjson, script, expected);
    let poll = |oddity, script, expected| row(oddity, Subscriber::LongPolling, script, expected);
    let each = Complete { reconnects: 0, control: DELIVERIES };
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    vec![
        ndjson("CRLF", Script { event: "{message}\r\n", ..NDJSON }, ALL),
        ndjson("a heartbeat first", Script { first: "{}\n", ..NDJSON }, CONTROL),
        ndjson("a heartbeat before each", Script { event: "{}\n{message}\n", ..NDJSON }, each),
        ndjson("another media type", Script { head: json, ..NDJSON }, ALL),
        poll("another address", Script { head: MOVED, first: "", event: "", last: "", ..POLL }, ELSEWHERE),
        poll("an array", POLL, ALL),
        poll(
            "an object of texts",
            Script { first: "{\"all\": [\"", event: "{json}", between: "\", \"", last: "\"]}", ..POLL },
            ALL,
        ),
        poll(
            "lines, the last one without an end",
            Script { first: "", between: "\n", last: "", ..POLL },
            ALL,
        ),
    ]
}

pub(crate) fn answers_to_posts() -> Vec<Row> {
    let posted = |oddity, posted, expected| row(oddity, Subscriber::Sse, Script { posted, ..SSE }, expected);
    let until_close = "HTTP/1.1 200 OK\r\n\r\nok";
    let closing = "HTTP/1.1 200 OK\r\nconnection: keep-alive, close\r\ncontent-length: 2\r\n\r\nok";
    let elsewhere = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
    let refused = "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"error\":\"quota\"}";
    let in_chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                     3\r\n{\"e\r\ne\r\nrror\":\"quota\"}\r\n0\r\n\r\n";
    let early = Script { hang_up: HangUp::Idle(Duration::from_millis(5)), ..SSE };
    let just_then = Script { hang_up: HangUp::SecondPost, ..SSE };
    let late_head = Script { delays_head: true, ..SSE };
    let words = "the server answered 200 to an event that was posted: {\"error\":\"quota\"}";
    vec![
        posted("an answer that ends with the connection", until_close, ALL),
        posted("a connection for each post", closing, ALL),
        posted(
            "another address",
            elsewhere,
            Fails(
                "the server answered 307 to an event that was posted, and names another address, which is not followed: /elsewhere",
            ),
        ),
        posted("an error that no rule names", refused, ALL),
        Row { lacks: Some("\"error\""), ..posted("an error that a rule names", refused, Fails(words)) },
        Row { lacks: Some("\"error\""), ..posted("an error that chunks divide", in_chunks, Fails(words)) },
        row("idle connections are reset", Subscriber::Sse, early, ALL),
        row("a connection is closed just when the next event comes", Subscriber::Sse, just_then, ALL),
        Row {
            connected: Connected::RequestSent,
            ..row("the head comes with the first event", Subscriber::Sse, late_head, ALL)
        },
    ]
}

pub(crate) fn handshakes() -> Vec<Row> {
    let websocket = |oddity, script, expected| row(oddity, Subscriber::WebSocket, script, expected);
    macro_rules! head {
        ($before:literal, $connection:literal, $more:literal) => {
            concat!(
                $before,
                "HTTP/1.1 101 Switching Protocols\r\n",
                $connection,
                "upgrade: WebSocket\r\nsec-websocket-accept: {accept}\r\n",
                $more,
                "\r\n"
            )
        };
    }
    let list = head!("", "connection: keep-alive, Upgrade\r\n", "");
    let lines = head!("", "connection: keep-alive\r\nconnection: upgrade\r\n", "");
    let other = head!("", "connection: keep-alive, upgraded\r\n", "");
    let subprotocol = head!("", "connection: Upgrade\r\n", "sec-websocket-protocol: chat\r\n");
    let early = head!("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", "connection: Upgrade\r\n", "");
    let agreed = head!("", "connection: Upgrade\r\n", "{agreed}");
    vec![
        websocket("nothing", WEBSOCKET, ALL),
        websocket("upgrade among other options", Script { head: list, ..WEBSOCKET }, ALL),
        websocket("upgrade in a field of its own", Script { head: lines, ..WEBSOCKET }, ALL),
        websocket("no upgrade among the options", Script { head: other, ..WEBSOCKET }, Fails("upgrade")),
        websocket(
            "another address",
            Script { head: MOVED, wrapping: Wrapping::Nothing, ..WEBSOCKET },
            ELSEWHERE,
        ),
        websocket(
            "a subprotocol",
            Script { head: subprotocol, ..WEBSOCKET },
            Fails("Server sent a subprotocol but none was requested"),
        ),
        websocket("103 before 101", Script { head: early, ..WEBSOCKET }, ALL),
        websocket("compression for who offers it", Script { head: agreed, ..WEBSOCKET }, ALL),
    ]
}

pub(crate) fn frames() -> Vec<Row> {
    let websocket = |oddity, script, expected| row(oddity, Subscriber::WebSocket, script, expected);
    let edited = |oddity, edit: fn(&str) -> String, expected| {
        websocket(oddity, Script { edit, ..WEBSOCKET }, expected)
    };
    let all = Script { mixes_channels: true, ..WEBSOCKET };
    let mixed = websocket(
        "every channel's events",
        all,
        Fails("foreign messages: the server sends every channel's events to everybody"),
    );
    vec![
        websocket(
            "a ping before each",
            Script { event: "{\"type\":\"ping\"}\u{0}{message}", ..WEBSOCKET },
            Complete { reconnects: 0, control: DELIVERIES },
        ),
        row(
            "an event of Socket.IO without the message",
            Subscriber::SocketIo,
            Script {
                first: "0{\"sid\":\"a\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\
                        \"maxPayload\":1000000}\u{0}40{\"sid\":\"b\"}",
                event: "42[\"news\",{\"n\":{n}}]",
                // Its path says no channel.
                mixes_channels: true,
                ..WEBSOCKET
            },
            Fails("the server sent this instead: news {\"n\":1}"),
        ),
        websocket("a welcome", Script { first: "{\"type\":\"welcome\"}", ..WEBSOCKET }, CONTROL),
        websocket("an envelope", Script { event: "{\"m\":{message},\"n\":{n}}", ..WEBSOCKET }, ALL),
        edited(
            "10 bytes less",
            |text| text.replacen(&text[60..70], "", 1),
            Fails("with a payload of 90 bytes instead of 100"),
        ),
        edited(
            "10 bytes less at the end",
            |text| text[..text.len() - 10].to_owned(),
            Fails("21 of 21 messages came with another length"),
        ),
        edited(
            "1,000 bytes more",
            |text| text.replacen("\",\"", &format!("\",\"{}", "x".repeat(1_000)), 1),
            Fails("1,100 bytes instead of 100"),
        ),
        edited("garbled", |text| format!("{}{}{}", &text[..80], "#", &text[81..]), Fails("another content")),
        edited("twice in a frame", |text| format!("{text}{text}"), Fails("21 of 21 deliveries came again")),
        edited(
            "a space behind the comma",
            |text| text.replacen("\",\"", "\", \"", 1),
            Fails("the server rewrites their JSON"),
        ),
        Row {
            payload: Payload::Json,
            ..edited("spaces in JSON", |text| text.replace(",\"", ", \""), Fails("another length"))
        },
        Row {
            payload: Payload::Json,
            ..websocket("JSON in a text", Script { event: "{\"data\":\"{json}\"}", ..WEBSOCKET }, ALL)
        },
        Row { channels: SUBSCRIBERS, ..mixed },
        Row { channels: SUBSCRIBERS, ..websocket("a channel each", WEBSOCKET, ALL) },
    ]
}
