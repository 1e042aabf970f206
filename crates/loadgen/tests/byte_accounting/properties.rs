//! Any cut gives the same account, any garbage adds up, and nothing panics.

use loadgen::byte_accounting::Protocol::{self, Http, Http2, RawTcp};
use model::trial::Direction;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::rig::{Step, account, down, event, greeting, up};
use crate::websocket::{FIN, TEXT};
use crate::{engine_io, h2, http1, websocket};

const POLL: &str = "GET /events HTTP/1.1\r\nhost: a\r\n\r\n";

/// Whole exchanges that leave the connection open, in any order.
fn http_exchange() -> impl Strategy<Value = Vec<Step>> {
    let events = vec(prop_oneof![(0..300usize).prop_map(event), Just(greeting()), Just(Vec::new())], 1..5);
    prop_oneof![
        Just(vec![up(POLL), down("HTTP/1.1 204 No Content\r\n\r\n")]),
        events.clone().prop_map(|events| vec![up(POLL), down(counted(&lines(&events)))]),
        events
            .clone()
            .prop_map(|events| vec![up(POLL), down(chunked("application/x-ndjson", events, as_line))]),
        events.prop_map(|events| vec![up(POLL), down(chunked("text/event-stream", events, as_sse))]),
        (0..300usize).prop_map(|len| vec![up(post(&event(len))), down("HTTP/1.1 204 No Content\r\n\r\n")]),
        packets().prop_map(|body| vec![up(engine_io::POLL), down(engine_io::answer(body))]),
        packets().prop_map(|body| vec![up(engine_io::post(body)), down(engine_io::answer("ok"))]),
    ]
}

/// A body of Engine.IO's long-polling.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    vec(packet(), 0..5).prop_map(|packets| packets.join(&b"\x1e"[..]))
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let others = ["2", "3", "6", "3probe", engine_io::OPEN, engine_io::CONNECT, r#"43/a,1["ok"]"#, "bAQID"];
    prop_oneof![
        2 => (0..300usize).prop_map(|len| engine_io::packet(&event(len))),
        1 => Just(engine_io::packet(&greeting())),
        2 => select(others.to_vec()).prop_map(|other| other.as_bytes().to_vec()),
    ]
}

/// A WebSocket of Engine.IO: text and attachments, whole and in fragments.
fn socketio_frames() -> impl Strategy<Value = Vec<Step>> {
    let key = prop_oneof![Just(None), Just(Some(websocket::KEY))];
    let frame = (packet(), 0..300usize, 1..3u8, key).prop_map(|(packet, cut, opcode, key)| {
        let (front, back) = packet.split_at(cut.min(packet.len()));
        let first = websocket::frame(opcode, front, key);
        let ping = websocket::frame(FIN | websocket::PING, b"!", key);
        let last = websocket::frame(FIN | websocket::CONTINUATION, back, key);
        let bytes = [first, ping, last].concat();
        if key.is_some() { up(bytes) } else { down(bytes) }
    });
    vec(frame, 0..10)
        .prop_map(|frames| [vec![up(engine_io::UPGRADE), down(websocket::UPGRADED)], frames].concat())
}

/// Header blocks of one side of a stream, each with the data behind it.
type Side = Vec<(&'static [u8], Vec<Vec<u8>>)>;

/// A GET, and its answer.
fn got(head: &'static [u8], data: Vec<Vec<u8>>) -> (Side, Side) {
    (vec![(h2::GET, vec![])], vec![(head, data)])
}

/// Whole exchanges on a stream each, with the frames of all streams in turns.
fn http2_exchanges() -> impl Strategy<Value = Vec<Step>> {
    let events = vec(prop_oneof![(0..300usize).prop_map(event), Just(greeting())], 1..5);
    let exchange = prop_oneof![
        Just(got(h2::NO_CONTENT, vec![])),
        events.clone().prop_map(|events| got(h2::LINES, each(&events, as_line))),
        events.clone().prop_map(|events| got(h2::EVENTS, each(&events, as_sse))),
        events.prop_map(|events| {
            let frames = each(&events, |message| websocket::frame(FIN | TEXT, message, None));
            (vec![(h2::CONNECT, frames.clone())], vec![(h2::OK, frames)])
        }),
        (0..300usize).prop_map(|len| (vec![(h2::POST, vec![event(len)])], vec![(h2::NO_CONTENT, vec![])])),
        packets().prop_map(|body| (vec![(h2::POLL_PACKETS, vec![])], vec![(h2::OK, vec![body])])),
        packets()
            .prop_map(|body| (vec![(h2::POST_PACKETS, vec![body])], vec![(h2::OK, vec![b"ok".to_vec()])])),
        packet().prop_map(|packet| {
            let frames = vec![websocket::frame(FIN | TEXT, &packet, None)];
            (vec![(h2::CONNECT_PACKETS, frames.clone())], vec![(h2::OK, frames)])
        }),
    ];
    vec(exchange, 1..6).prop_map(|exchanges| {
        let opening = [up(h2::PREFACE), up(h2::frame(h2::SETTINGS, 0, 0, ""))];
        let (asked, answered): (Vec<_>, Vec<_>) = exchanges
            .into_iter()
            .zip((1..).step_by(2))
            .map(|((asked, answered), stream)| (sent(stream, &asked), sent(stream, &answered)))
            .unzip();
        let asked = in_turns(&asked).into_iter().map(up);
        opening.into_iter().chain(asked).chain(in_turns(&answered).into_iter().map(down)).collect()
    })
}

fn each(events: &[Vec<u8>], encode: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    events.iter().map(|message| encode(message)).collect()
}

/// The frames of one side of a stream.
fn sent(stream: u32, parts: &[(&[u8], Vec<Vec<u8>>)]) -> Vec<Vec<u8>> {
    parts
        .iter()
        .flat_map(|(block, data)| match &data[..] {
            [] => vec![h2::last_headers(stream, block)],
            data => {
                let head = [h2::headers(stream, block)];
                let body = data.iter().map(|bytes| h2::data(stream, bytes));
                head.into_iter().chain(body).chain([h2::last_data(stream, "")]).collect()
            }
        })
        .collect()
}

fn in_turns(streams: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    let longest = streams.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|turn| streams.iter().filter_map(move |frames| frames.get(turn).cloned())).collect()
}

fn as_line(message: &[u8]) -> Vec<u8> {
    protocol::lines::encode(message).to_vec()
}

fn as_sse(message: &[u8]) -> Vec<u8> {
    protocol::sse::encode(12, message).to_vec()
}

fn lines(events: &[Vec<u8>]) -> Vec<u8> {
    events.iter().flat_map(|message| as_line(message)).collect()
}

fn counted(body: &[u8]) -> Vec<u8> {
    [http1::ndjson(body.len()).as_bytes(), body].concat()
}

fn chunked(media_type: &str, events: Vec<Vec<u8>>, encode: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunks = events.into_iter().flat_map(|message| http1::chunk(encode(&message)));
    head.into_bytes().into_iter().chain(chunks).chain(*b"0\r\n\r\n").collect()
}

fn post(message: &[u8]) -> Vec<u8> {
    let head = format!("POST /messages HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", message.len());
    [head.as_bytes(), message].concat()
}

/// The same exchange in pieces of the given lengths, in turn.
fn cut(steps: &[Step], lengths: &[usize]) -> Vec<Step> {
    let mut lengths = lengths.iter().copied().cycle();
    let pieces = |step: &Step| {
        let mut rest = &step.bytes[..];
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(lengths.next().unwrap_or(1).min(rest.len()));
            pieces.push(step.like(piece));
            rest = after;
        }
        pieces
    };
    steps.iter().flat_map(pieces).collect()
}

/// Every byte of the exchange has its layer, the same however it is cut.
fn whole_at_any_cut(protocol: Protocol, steps: &[Step], lengths: &[usize]) -> Result<(), TestCaseError> {
    let whole = account(protocol, steps.to_vec());
    prop_assert_eq!(whole.up.unfinished + whole.down.unfinished, 0);
    prop_assert_eq!(account(protocol, cut(steps, lengths)), whole);
    Ok(())
}

fn steps(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<Step>> {
    vec((any::<bool>(), bytes), 0..20).prop_map(|pieces| {
        pieces.into_iter().map(|(is_up, bytes)| if is_up { up(bytes) } else { down(bytes) }).collect()
    })
}

/// What the protocols are made of, between bars.
const WORDS: &[u8] = b"GET / HTTP/1.1\r\n|POST / HTTP/1.1\r\n|HTTP/1.1 200 OK\r\n|HTTP/1.1 204 No Content\r\n|\
    HTTP/1.1 101 Switching Protocols\r\n|HTTP/1.1 100 Continue\r\n|\r\n|\n|content-length: 9\r\n|\
    content-length: 18446744073709551615\r\n|transfer-encoding: chunked\r\n|content-type: text/event-stream\r\n|\
    content-type: application/x-ndjson\r\n|data: |id: 1\n|fffffffffffffff\r\n|\
    \x81\xff\xff\xff\xff\xff\xff\xff\xff\xff|0\r\n|GET /socket.io/ HTTP/1.1\r\n\r\n|\
    POST /socket.io/ HTTP/1.1\r\ncontent-length: 99\r\n\r\n|HTTP/1.1 101 Switching Protocols\r\n\r\n|\
    HTTP/1.1 200 OK\r\ncontent-length: 70\r\n\r\n|42[\"message\",|]\x1e|\x1e2probe\x1e|\x81\x05422";

/// Pieces of these, so that garbage gets past the first byte.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        select(WORDS.split(|&byte| byte == b'|').map(<[u8]>::to_vec).collect::<Vec<_>>()),
        vec(any::<u8>(), 0..8),
        (0..20usize).prop_map(event),
    ];
    vec(word, 0..8).prop_map(|words| words.concat())
}

/// Frames of HTTP/2 of all kinds and flags, on few streams, so that they meet.
fn plausible_http2() -> impl Strategy<Value = Vec<u8>> {
    let asked = [h2::GET, h2::POST, h2::CONNECT, h2::POLL_PACKETS, h2::POST_PACKETS, h2::CONNECT_PACKETS];
    let answered = [h2::OK, h2::NO_CONTENT, h2::LINES, h2::EVENTS, h2::GZIP, b"\xbe"];
    let payload = prop_oneof![
        4 => select([asked, answered].concat()).prop_map(<[u8]>::to_vec),
        2 => (0..20usize).prop_map(|len| as_line(&event(len))),
        2 => packets(),
        1 => (0..20usize).prop_map(|len| websocket::frame(FIN | TEXT, &event(len), None)),
        1 => vec(any::<u8>(), 0..12),
    ];
    let flags =
        prop_oneof![Just(h2::END_HEADERS), Just(h2::END_HEADERS | h2::END_STREAM), Just(0), any::<u8>()];
    let kind = prop_oneof![3 => Just(h2::HEADERS), 2 => Just(h2::DATA), 1 => 0..11u8];
    (kind, flags, 0..6u32, payload)
        .prop_map(|(kind, flags, stream, payload)| h2::frame(kind, flags, stream, payload))
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Http), Just(Http2), Just(RawTcp)]
}

proptest! {
    #[test]
    fn any_cut_of_http_exchanges_gives_the_same_account(
        exchanges in vec(http_exchange(), 1..6),
        lengths in vec(1..200usize, 1..20),
    ) {
        whole_at_any_cut(Http, &exchanges.concat(), &lengths)?;
    }

    #[test]
    fn any_cut_of_socketio_frames_gives_the_same_account(
        steps in socketio_frames(),
        lengths in vec(1..200usize, 1..20),
    ) {
        whole_at_any_cut(Http, &steps, &lengths)?;
    }

    #[test]
    fn any_cut_of_http2_exchanges_gives_the_same_account(
        steps in http2_exchanges(),
        lengths in vec(1..200usize, 1..20),
    ) {
        whole_at_any_cut(Http2, &steps, &lengths)?;
    }

    #[test]
    fn any_cut_of_any_http2_frames_gives_the_same_account(
        steps in steps(plausible_http2()),
        lengths in vec(1..50usize, 1..20),
    ) {
        let steps = [vec![up(h2::PREFACE)], steps].concat();
        prop_assert_eq!(account(Http2, cut(&steps, &lengths)), account(Http2, steps));
    }

    #[test]
    fn any_cut_of_anything_gives_the_same_account(
        protocol in protocol(),
        steps in steps(plausible()),
        lengths in vec(1..50usize, 1..20),
    ) {
        prop_assert_eq!(account(protocol, cut(&steps, &lengths)), account(protocol, steps));
    }

    #[test]
    fn garbage_adds_up_and_does_not_panic(protocol in protocol(), steps in steps(vec(any::<u8>(), 0..400))) {
        let of_server = steps.iter().filter(|step| step.direction == Direction::Down);
        let read: usize = of_server.map(|step| step.bytes.len()).sum();
        prop_assert_eq!(account(protocol, steps).down.wire(), read as u64);
    }
}
