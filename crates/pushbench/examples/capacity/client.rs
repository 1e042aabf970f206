//! pushbench's own clients, as a trial has them: one thread, a task for each subscriber.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loadgen::session::Session;
use loadgen::stop;
use loadgen::subscriber::{SubscribeError, http_streaming, raw_tcp, short_polling, websocket};
use loadgen::worker_context::{WorkerContext, WorkerSpec};
use model::settings::{
    EmptyAnswer, Events, Frames, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings,
    ShortPolling, Subscribers, WebSocket,
};
use protocol::Stamp;
use protocol::deflate::Kind;
use protocol::message::PayloadKind;
use tokio::task::{JoinSet, LocalSet, spawn_local};

use super::flood;
use super::{CONNECTIONS, OPERATIONS, Outcome};

/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(2);
const PAYLOAD: [u8; 78] = [b'x'; 78];

/// Does [`OPERATIONS`] operations of `kind` against the server at `address`, or takes a whole flood.
pub(crate) fn run(kind: &str, address: &str) -> Outcome<()> {
    let address: SocketAddr = address.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stopper, stop) = stop::channel();
    let worker = worker(address, stop)?;
    LocalSet::new().block_on(&runtime, async {
        match kind {
            "poll" => poll(&worker, stopper).await,
            "echo" => echoes(&worker).await,
            "websocket" => take(&worker, stopper, websocket::subscribe).await,
            "ndjson" => take(&worker, stopper, http_streaming::ndjson::subscribe).await,
            "sse" => take(&worker, stopper, http_streaming::sse::subscribe).await,
            "raw-tcp" => take(&worker, stopper, raw_tcp::subscribe).await,
            _ => Err(format!("there is no client `{kind}`").into()),
        }
    })
}

/// Polls as fast as the answers come, until as many requests are counted as were asked for.
async fn poll(worker: &Rc<WorkerContext>, stopper: stop::Stopper) -> Outcome<()> {
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|index| spawn_local(short_polling::subscribe(worker.session(index, 0, None))))
        .collect();
    while worker.recorder().counters.requests < OPERATIONS {
        tokio::time::sleep(LOOK).await;
    }
    stopper.stop();
    for client in clients {
        client.await??;
    }
    Ok(())
}

/// Subscribes until all events of a flood have come.
async fn take<F>(
    worker: &Rc<WorkerContext>,
    stopper: stop::Stopper,
    subscribe: fn(Session) -> F,
) -> Outcome<()>
where
    F: Future<Output = Result<(), SubscribeError>> + 'static,
{
    let clients: Vec<_> =
        (0..flood::CONNECTIONS).map(|index| spawn_local(subscribe(worker.session(index, 0, None)))).collect();
    for client in clients {
        client.await??;
    }
    drop(stopper);
    let events = worker.recorder().counters.events;
    if events == flood::EVENTS { Ok(()) } else { Err(format!("{events} events came of the flood").into()) }
}

/// A channel for each client, so that a message comes back to its sender only.
async fn echoes(worker: &Rc<WorkerContext>) -> Outcome<()> {
    let mut clients = JoinSet::new();
    for index in 0..CONNECTIONS {
        clients.spawn_local(echo(worker.session(index, index, None)));
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(())
}

async fn echo(session: Session) -> Result<(), SubscribeError> {
    let mut socket = websocket::connect(&session).await?;
    let message = message();
    let mut left = OPERATIONS / u64::from(CONNECTIONS);
    socket.send(Kind::Text, &message).await?;
    while socket.read(|message| session.received(message)).await? {
        left -= 1;
        if left == 0 {
            break;
        }
        socket.send(Kind::Text, &message).await?;
    }
    Ok(())
}

/// A message of 125 bytes.
pub(crate) fn message() -> Bytes {
    let stamp = Stamp { seq: 0, intended_ns: 1, actual_ns: 1 };
    protocol::Message { stamp, payload: &PAYLOAD, kind: PayloadKind::Text }.to_bytes()
}

fn worker(address: SocketAddr, stop: stop::Stop) -> Outcome<Rc<WorkerContext>> {
    let spec = WorkerSpec {
        address,
        trust: None,
        settings: Arc::new(settings()),
        seed: 1,
        index: 0,
        stop,
        connected: Arc::default(),
    };
    let worker = WorkerContext::new(spec)?;
    // All that comes is recorded, as in a trial's window.
    worker.open(0..u64::MAX);
    Ok(worker)
}

fn settings() -> Settings {
    Settings {
        events: Events { rate_per_s: 0.0, pace: Pace::Constant, payload_bytes: 78, payload: Payload::Text },
        subscribers: Subscribers { count: CONNECTIONS, channels: CONNECTIONS, added_delay_ns: 0 },
        uplink: None,
        http: Http { headers: HeaderProfile::Minimal, keep_alive: true },
        short_polling: ShortPolling { interval_ns: 0, empty: EmptyAnswer::NoContent },
        long_polling: LongPolling { hold_ns: 1_000_000_000 },
        websocket: WebSocket { frames: Frames::Text },
        greeting: false,
        phases: Phases { warm_up_ns: 0, window_ns: 1, drain_ns: 0 },
        bound: None,
        ..Settings::default()
    }
}
