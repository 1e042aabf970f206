//! What the instrument itself costs for each event.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use loadgen::byte_accounting::{Classifier, Protocol};
use loadgen::recorder::Recorder;
use loadgen::recorder::cursor::Cursor;
use model::byte_account::Account;
use protocol::{Stamp, engine_io, frame, lines, socket_io};

use super::encode::message;

const PACKET_REQUEST: &[u8] =
    b"GET /socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n\r\n";
const REQUEST: &[u8] = b"GET /events?channel=0&after=41 HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n\r\n";

pub(crate) fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instrument");
    group.throughput(Throughput::Elements(1));
    group.bench_function("recorder: an event in the window", |bencher| {
        let (mut recorder, mut position) = (Recorder::default(), Cursor::beginning());
        recorder.open(0..u64::MAX);
        let mut seq = 0;
        bencher.iter(|| {
            seq += 1;
            let stamp = Stamp { seq, intended_ns: 1_000, actual_ns: 1_500 };
            recorder.received(&mut position, black_box(stamp), 147, black_box(40_000 + seq % 1_000));
        });
    });
    group.bench_function("byte accounting: a frame", |bencher| {
        let (mut classifier, mut account) = (Classifier::new(Protocol::RawTcp), Account::default());
        let frame = frame::encode(&message());
        bencher.iter(|| classifier.down(black_box(&frame), &mut account));
    });
    group.bench_function("byte accounting: a poll and its answer", |bencher| {
        let (mut classifier, mut account) = (Classifier::new(Protocol::Http), Account::default());
        let answer = answer();
        bencher.iter(|| {
            classifier.up(black_box(REQUEST), &mut account);
            classifier.down(black_box(&answer), &mut account);
        });
        assert_eq!(
            (account.up.unfinished, account.down.unfinished),
            (0, 0),
            "byte accounting understood every poll"
        );
    });
    group.bench_function("byte accounting: a poll of Socket.IO and its answer", |bencher| {
        let (mut classifier, mut account) = (Classifier::new(Protocol::Http), Account::default());
        let answer = packets();
        bencher.iter(|| {
            classifier.up(black_box(PACKET_REQUEST), &mut account);
            classifier.down(black_box(&answer), &mut account);
        });
        assert_eq!(
            (account.up.unfinished, account.down.unfinished),
            (0, 0),
            "byte accounting understood every poll"
        );
        assert!(account.down.socket_io > 0, "byte accounting found the packets");
    });
    group.finish();
}

fn answer() -> Vec<u8> {
    let body = lines::encode(&message());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncache-control: no-store\r\ncontent-length: {}\r\n\
         date: Sun, 22 Nov 2026 18:00:00 GMT\r\n\r\n",
        lines::MEDIA_TYPE,
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

fn packets() -> Vec<u8> {
    let text = socket_io::encode_message(&message());
    let body = engine_io::Packet::Text(engine_io::Kind::Message, text).to_frame();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-type: text/plain; charset=UTF-8\r\n\
         date: Sun, 22 Nov 2026 18:00:00 GMT\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
