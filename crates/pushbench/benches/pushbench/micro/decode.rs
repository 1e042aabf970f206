//! What a subscriber does to the bytes of an event before it has its message.

use std::convert::Infallible;
use std::hint::black_box;
use std::io::{self, Read, Write};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use protocol::websocket::{self, Kind};
use protocol::{Message, engine_io, frame, lines, socket_io, sse};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::encode::message;

pub(crate) fn groups(criterion: &mut Criterion) {
    let message = message();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("message", |bencher| {
        bencher.iter(|| Message::decode(black_box(&message)).expect("it is a message").stamp);
    });
    group.bench_function("lines: polls and http-streaming-ndjson", |bencher| {
        let (mut decoder, line) = (lines::Decoder::default(), lines::encode(&message));
        bencher.iter(|| {
            decoder.push(black_box(&line));
            decoder.drain(|message| look(black_box(message))).expect("no error")
        });
    });
    group.bench_function("http-streaming-sse", |bencher| {
        let (mut decoder, event) = (sse::Decoder::default(), sse::encode(42, &message));
        bencher.iter(|| {
            decoder.push(black_box(&event));
            decoder.drain(|message| look(black_box(message))).expect("no error")
        });
    });
    group.bench_function("raw-tcp", |bencher| {
        let (mut decoder, bytes) = (frame::Decoder::new(1 << 16), frame::encode(&message));
        bencher.iter(|| {
            decoder.buffer().extend_from_slice(black_box(&bytes));
            decoder.next_body().expect("it is under the limit").expect("the frame is whole")
        });
    });
    group.bench_function("websocket", |bencher| {
        // The client's read buffer; its size matters, see ARCHITECTURE.md.
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let frames = Endless::new(websocket::encode(Kind::Text, &message));
        let mut socket = WebSocket::from_raw_socket(frames, Role::Client, Some(config));
        bencher.iter(|| socket.read().expect("the frames are good"));
    });
    group.bench_function("socketio: a frame's text", |bencher| {
        let text = engine_io::Packet::Text(engine_io::Kind::Message, socket_io::encode_message(&message));
        let text = text.to_frame();
        bencher.iter(|| match engine_io::Packet::from_frame(black_box(&text)) {
            Ok(engine_io::Packet::Text(_, text)) => socket_io::message(&text).expect("it is a message").len(),
            other => unreachable!("{other:?}"),
        });
    });
    group.finish();
}

#[expect(clippy::unnecessary_wraps, reason = "a decoder's consumer may fail")]
fn look(_message: &[u8]) -> Result<(), Infallible> {
    Ok(())
}

/// A peer that sends the same bytes again and again, and takes whatever it is sent.
struct Endless {
    bytes: Bytes,
    at: usize,
}

impl Endless {
    fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Read for Endless {
    /// Fills the whole buffer, as a busy socket would.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in &mut *buffer {
            *byte = self.bytes[self.at];
            self.at = (self.at + 1) % self.bytes.len();
        }
        Ok(buffer.len())
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
