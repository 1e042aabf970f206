//! One event there and back: a subscriber sends a message and waits until it has come back by the technique.
//!
//! Client and server share a thread and a runtime, so that this is the work of both halves and the kernel's, without
//! the wake-ups between processes that the comparison measures.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use loadgen::os;
use loadgen::session::Session;
use loadgen::shard::{Shard, ShardSpec};
use loadgen::subscriber::{self, SubscribeError};
use schema::settings::{
    EmptyAnswer, Events, Frames, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings,
    ShortPolling, Subscribers, Uplink, UplinkTo, WebSocket,
};
use server_kit::{Hub, Stop};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, yield_now};

type Encode = fn(u64, &Bytes) -> Bytes;
type Serve = fn(TcpListener, Hub, server_kit::Settings, Stop) -> BoxFuture<'static, io::Result<()>>;
type Subscribe = fn(Session) -> LocalBoxFuture<'static, Result<(), SubscribeError>>;

const TECHNIQUES: [(&str, Encode, Serve, Subscribe); 6] = [
    (
        "short-polling",
        server_short_polling::encode,
        |listener, hub, settings, stop| server_short_polling::serve(listener, hub, settings, stop).boxed(),
        |session| subscriber::short_polling::subscribe(session).boxed_local(),
    ),
    (
        "long-polling",
        server_long_polling::encode,
        |listener, hub, settings, stop| server_long_polling::serve(listener, hub, settings, stop).boxed(),
        |session| subscriber::long_polling::subscribe(session).boxed_local(),
    ),
    (
        "http-streaming-ndjson",
        server_http_streaming::ndjson::encode,
        |listener, hub, settings, stop| {
            server_http_streaming::ndjson::serve(listener, hub, settings, stop).boxed()
        },
        |session| subscriber::http_streaming::ndjson::subscribe(session).boxed_local(),
    ),
    (
        "http-streaming-sse",
        server_http_streaming::sse::encode,
        |listener, hub, settings, stop| {
            server_http_streaming::sse::serve(listener, hub, settings, stop).boxed()
        },
        |session| subscriber::http_streaming::sse::subscribe(session).boxed_local(),
    ),
    (
        "websocket",
        server_websocket::encode,
        |listener, hub, settings, stop| server_websocket::serve(listener, hub, settings, stop).boxed(),
        |session| subscriber::websocket::subscribe(session).boxed_local(),
    ),
    (
        "raw-tcp",
        server_raw_tcp::encode,
        |listener, hub, settings, stop| server_raw_tcp::serve(listener, hub, settings, stop).boxed(),
        |session| subscriber::raw_tcp::subscribe(session).boxed_local(),
    ),
];

pub(crate) fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("there and back");
    group.throughput(Throughput::Elements(1));
    for (name, encode, serve, subscribe) in TECHNIQUES {
        group.bench_function(name, |bencher| {
            let pair = Pair::start(encode, serve, subscribe);
            bencher.iter_custom(|times| pair.exchange(times));
        });
    }
    group.finish();
}

/// A server and one subscriber of it.
struct Pair {
    runtime: Runtime,
    local: LocalSet,
    shard: Rc<Shard>,
    due: mpsc::UnboundedSender<u64>,
    // Dropping these ends both halves.
    _stoppers: (server_kit::Stopper, loadgen::stop::Stopper),
}

impl Pair {
    fn start(encode: Encode, serve: Serve, subscribe: Subscribe) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let local = LocalSet::new();
        let settings = server_kit::Settings::default();
        let (server_stopper, server_stop) = server_kit::lifetime::channel();
        let (stopper, stop) = loadgen::stop::channel();
        let (due, outgoing) = mpsc::unbounded_channel();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        runtime.spawn(serve(listener, Hub::new(encode, &settings), settings, server_stop));
        let spec = ShardSpec {
            address,
            settings: Arc::new(client_settings()),
            seed: 1,
            index: 0,
            stop,
            connected: Arc::default(),
        };
        let shard = Shard::new(spec).expect("the payload can be made");
        local.spawn_local(subscribe(shard.session(0, 0, Some(outgoing))));
        Self { runtime, local, shard, due, _stoppers: (server_stopper, stopper) }
    }

    /// Sends a message and waits for it, so many times.
    fn exchange(&self, times: u64) -> Duration {
        self.local.block_on(&self.runtime, async {
            let begin = Instant::now();
            for _ in 0..times {
                let before = self.shard.snapshot().counters.events;
                self.due.send(os::now_ns()).expect("the subscriber lives");
                while self.shard.snapshot().counters.events == before {
                    yield_now().await;
                }
            }
            begin.elapsed()
        })
    }
}

fn client_settings() -> Settings {
    let uplink = Uplink { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 100, to: UplinkTo::Channel };
    Settings {
        events: Events { rate_per_s: 0.0, pace: Pace::Constant, payload_bytes: 100, payload: Payload::Text },
        subscribers: Subscribers { count: 1, channels: 1, added_delay_ns: 0 },
        uplink: Some(uplink),
        http: Http { headers: HeaderProfile::Minimal, keep_alive: true },
        short_polling: ShortPolling { interval_ns: 0, empty: EmptyAnswer::NoContent },
        long_polling: LongPolling { hold_ns: 1_000_000_000 },
        websocket: WebSocket { frames: Frames::Text },
        greeting: false,
        phases: Phases { warm_up_ns: 0, window_ns: 1, drain_ns: 0 },
        bound: None,
        stall: None,
    }
}
