//! What a server does to a message once per event, before it fans it out.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use wire::message::PayloadKind;
use wire::{Message, Stamp};

use crate::registry::TECHNIQUES;

const STAMP: Stamp = Stamp { seq: 42, intended_ns: 1_000_000_000_000, actual_ns: 1_000_000_000_001 };

/// A message with a payload of 100 bytes.
pub(crate) fn message() -> Bytes {
    Message { stamp: STAMP, payload: &[b'x'; 100], kind: PayloadKind::Text }.to_bytes()
}

/// A WebSocket frame as the server sends it.
pub(crate) fn websocket_frame(message: &Bytes) -> Bytes {
    let mut out = Vec::with_capacity(message.len() + 10);
    let frame = Frame::message(message.clone(), OpCode::Data(Data::Text), true);
    frame.format(&mut out).expect("memory takes every frame");
    Bytes::from(out)
}

pub(crate) fn groups(criterion: &mut Criterion) {
    let message = message();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("message", |bencher| {
        let mut out = BytesMut::with_capacity(1 << 16);
        bencher.iter(|| {
            out.clear();
            black_box(Message { stamp: STAMP, payload: &[b'x'; 100], kind: PayloadKind::Text })
                .encode(&mut out);
        });
    });
    for technique in &TECHNIQUES {
        group.bench_function(technique.slug, |bencher| {
            bencher.iter(|| (technique.encode)(black_box(42), black_box(&message)));
        });
    }
    // What the server's encoding leaves to the library, which frames once per subscriber.
    group
        .bench_function("a websocket frame", |bencher| bencher.iter(|| websocket_frame(black_box(&message))));
    group.finish();
}
