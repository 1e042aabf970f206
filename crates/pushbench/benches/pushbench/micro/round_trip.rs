//! One event there and back: a subscriber sends a message and waits until it has come back by the technique.
//!
//! Client and server share a thread and a runtime, so that this is the work of both halves and the kernel's, without
//! the wake-ups between processes that the comparison measures.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use loadgen::session::{Session, WorkerContext, WorkerSpec};
use model::settings::{EmptyAnswer, HeaderProfile, Http, Pace, Settings, ShortPolling, Uplink, UplinkTo};
use test_support::server::{Running, start};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, yield_now};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::registry::{TECHNIQUES, Technique};

pub(crate) fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("there and back");
    group.throughput(Throughput::Elements(1));
    for technique in TECHNIQUES {
        group.bench_function(technique.slug, |bencher| {
            let pair = Pair::start(technique);
            bencher.iter_custom(|times| pair.exchange(times));
        });
    }
    group.finish();
}

/// A server and one subscriber of it.
struct Pair {
    runtime: Runtime,
    local: LocalSet,
    worker: Rc<WorkerContext>,
    due: mpsc::UnboundedSender<u64>,
    // Dropping these ends both halves.
    _stoppers: (Running, DropGuard),
}

impl Pair {
    fn start(technique: &Technique) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let local = LocalSet::new();
        let settings = server_kit::Settings::default();
        let server = runtime.block_on(start((technique.encode)(&settings), settings, technique.serve));
        let (due, outgoing) = mpsc::unbounded_channel();
        let (stop, address, settings) = (CancellationToken::new(), server.address, client_settings().into());
        let (guard, connected) = (stop.clone().drop_guard(), Arc::default());
        let spec = WorkerSpec { address, trust: None, settings, seed: 1, index: 0, stop, connected };
        let worker = WorkerContext::new(spec).expect("the payload can be made");
        local.spawn_local((technique.subscribe)(Session::new(&worker, 0, 0, Some(outgoing))));
        Self { runtime, local, worker, due, _stoppers: (server, guard) }
    }

    /// Sends a message and waits for it, so many times.
    fn exchange(&self, times: u64) -> Duration {
        self.local.block_on(&self.runtime, async {
            let begin = Instant::now();
            for _ in 0..times {
                let before = self.worker.recorder().counters.events;
                self.due.send(os::now_ns()).expect("the subscriber lives");
                while self.worker.recorder().counters.events == before {
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
        uplink: Some(uplink),
        http: Http { headers: HeaderProfile::Minimal, keep_alive: true, unbuffered: false },
        short_polling: ShortPolling { interval_ns: 0, empty: EmptyAnswer::NoContent },
        ..Settings::default()
    }
}
