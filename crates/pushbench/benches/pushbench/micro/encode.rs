//! What a server does to a message once per event, before it fans it out.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use server_kit::Settings;

use crate::registry::TECHNIQUES;

const STAMP: Stamp = Stamp { seq: 42, intended_ns: 1_000_000_000_000, actual_ns: 1_000_000_000_001 };

/// A message with a payload of 100 bytes.
pub(crate) fn message() -> Bytes {
    Message { stamp: STAMP, payload: &[b'x'; 100], kind: PayloadKind::Text }.to_bytes()
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
    for technique in TECHNIQUES {
        let encode = (technique.encode)(&Settings::default());
        group.bench_function(technique.slug, |bencher| {
            bencher.iter(|| encode(black_box(42), black_box(&message)));
        });
    }
    group.finish();
}
