//! The Socket.IO server (protocol 5) over Engine.IO (protocol 4), on socketioxide.
//!
//! `GET /socket.io/?EIO=4&transport=polling` or `=websocket` begins a session; which one, and whether it goes over from
//! the first to the second, is the client's choice. A client joins the namespace `/` with `{"channel":N,"after":SEQ}` as
//! its `auth`, and is answered by CONNECT, or CONNECT_ERROR with the reason: a channel that is not there, a resume that
//! is no longer retained, an `auth` that says something else. From then on each event is the event `message` with one
//! argument, the message as it is, and each event `message` of the client's a message of its own, acknowledged with no
//! arguments if it asks for that. Other events are passed over. A client that fell out of the replay window, or sends what is no
//! message, gets the reason in the event `dismissed`, and disconnected from the namespace; the session goes on.
//!
//! A stop is a close packet and, on WebSocket, a close frame. Sessions that have not joined end with the others.
//!
//! # What is not the protocol's
//!
//! | what comes | what is answered | the session |
//! |---|---|---|
//! | an unknown or malformed session id | `400` and `{"code":"1",…}` | – |
//! | the same in a WebSocket handshake | the same | – |
//! | another version, transport or method | `400`, with a code but for a method of a session | goes on |
//! | a second poll beside a held one | `400`, and to the held one a close packet | ends |
//! | a poll or a post after the upgrade | `400` and `{"code":"3",…}` | goes on |
//! | a second WebSocket, during an upgrade or after | `101`, then the connection closes | goes on |
//! | bytes that are no Engine.IO packet | `400`; a close frame | ends |
//! | a packet that a client does not send | `400`; a close frame | goes on; by WebSocket it ends |
//! | a message that is no packet of Socket.IO | `ok`; a close packet and a close frame | ends |
//! | a body over `maxPayload` | `413` | ends |
//! | a body that does not come in time | `408` | goes on |
//! | a WebSocket message over `maxPayload`, or not UTF-8 | a close frame | ends |
//! | an upgrade that breaks off, or is not completed in 10 s | – | ends |
//! | one polled session more than connections may be | `503` | does not begin |
//! | no poll for as long as a connection may be idle, without heartbeat | – | ends |
//! | no join within 45 s, or no pong within 20 s | a close packet | ends |
//!
//! Where this is the library's answer and not the protocol documents', or the reference's: its close frames have no code
//! (the reference's WebSocket sends 1009 and 1007), a half-done upgrade ends its session (the reference goes on polling),
//! and of a body, the packets before a bad one are taken. Its first ping at once is held back (`library`).
//!
//! # Events
//!
//! What the library does is everything but the events. Given to it, an event would be encoded for each subscriber again and
//! pass a buffer of its session, which can be full, and of which it forgets what does not fit a poll when the session goes
//! over to WebSocket (engineioxide 0.17.9, `peeked_packet`). So events stay in the hub, encoded once as a frame that holds
//! their packet, until they are written between two of the library's frames, or behind its packets in a poll's answer
//! (`event_injector`). A subscriber is a cursor of the hub; a subscriber that does not read lags there, and is notified. Only of acknowledgements a
//! client may ask for more than fits, and lose them by not fetching them.
//!
//! # Cost
//!
//! By WebSocket, an event costs what it does there, and the library's wake-up of its reader. A poll costs the library's
//! look for packets of its own, in which there are mostly none, and does not pass through hyper (`engine`).
//!
//! To hold back the library's first ping, a session's start costs a poll and a post within this process (`library`); on
//! WebSocket alone, another poll and an upgrade.
//!
//! # Layout
//!
//! - `engine`: Engine.IO as an endpoint of our HTTP servers, with hyper and without
//! - `library`: what is needed of the library's services, and how a session begins
//! - `subscriber`: a client that has joined, and its messages
//! - `event_injector`: its events, past the library, into a poll's answer
//! - `spliced_stream`: or into a WebSocket's stream under the library
//! - `library_mode`: the library as its examples use it, where the settings ask for it
//! - `session`: the sessions that there are, and polls that come while one goes over to WebSocket
//! - [`protocol_tests`]: what the official protocol test suites expect

mod engine;
mod event_injector;
mod library;
mod library_mode;
pub mod protocol_tests;
mod session;
mod spliced_stream;
mod subscriber;

use std::io;
use std::time::Duration;

use engineioxide::service::NotFoundService;
use protocol::socket_io::{BEFORE_MESSAGE, BEHIND_MESSAGE};
use protocol::websocket::{self, Kind};
use server_kit::hub::Encode;
use server_kit::settings::{Implementation, Limits};
use server_kit::{Hub, Settings, Stop, Stopper, http, lifetime};
use socketioxide::SocketIo;
use socketioxide::service::SocketIoService;
use tokio::net::TcpListener;

use engine::Engine;
use library_mode::LibraryEndpoint;
use subscriber::Join;

/// What the WebSocket server's connections read into, too.
const READ_BUFFER: usize = 4 * 1024;
/// For what stands round a message, and before it in a body: the answer to a join, a ping, some 100 acknowledgements.
const FRAMING: usize = 1024;
/// How long a client may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Stands for never. With the time-out it is the longest that a browser's timer takes, 2³¹ − 1 ms (WHATWG HTML §8.6).
const NEVER: Duration = Duration::from_millis(i32::MAX as u64 - 20_000);
/// Packets that a session's buffer takes. Events are none of them; a client that asks for acknowledgements and does not
/// fetch them fills it, and is cut at its next ping.
const BUFFER: usize = 16 * 1024;
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
const JOIN_TIMEOUT: Duration = Duration::from_secs(45);

/// The event `message` in an Engine.IO packet, in a WebSocket frame. Polls take the packet out of it. The library encodes by itself.
pub fn encode(settings: &Settings) -> Encode {
    match settings.implementation {
        Implementation::Lean => {
            |_, message| websocket::encode_parts(Kind::Text, &[b"4", BEFORE_MESSAGE, message, BEHIND_MESSAGE])
        }
        Implementation::Library => |_, message| message.clone(),
    }
}

/// Serves until `stop`; sessions are closed then.
/// Fails when accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let (library, io) = library(&settings);
    hub.admit_only(subscriber::is_json);
    let implementation = settings.implementation;
    io.ns("/", Join { hub: hub.clone(), implementation, run_bytes: settings.run_bytes() });
    let (closer, closed) = lifetime::channel();
    let limits = &settings.limits;
    if implementation == Implementation::Library {
        let endpoint = LibraryEndpoint { service: library, hub: hub.clone(), idle: limits.idle, closed };
        let serving = http::serve(listener, hub, &settings, stop.clone(), endpoint);
        return closing(serving, &stop, &io, closer).await;
    }
    let (path, stops) = (protocol::paths::SOCKETIO, (&stop, &closed));
    let engine = Engine::new(library, path, max_payload(limits), &hub, limits, stops);
    let host = engine.host.clone();
    let serving = http::serve_fast(listener, hub, &settings, stop.clone(), engine);
    tokio::select! {
        served = closing(serving, &stop, &io, closer) => served,
        // Otherwise its next ping ends it.
        () = host.end_idle(limits.idle), if settings.heartbeat.is_zero() => Ok(()),
    }
}

/// Serves, and closes all sessions once that is asked for; `closer` says that it is done.
async fn closing(
    serving: impl Future<Output = io::Result<()>>,
    stop: &Stop,
    io: &SocketIo,
    closer: Stopper,
) -> io::Result<()> {
    let closing = async {
        stop.requested().await;
        io.close().await;
        closer.stop();
    };
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served,
        () = closing => {}
    }
    serving.await
}

fn library(settings: &Settings) -> (SocketIoService<NotFoundService>, SocketIo) {
    let limits = &settings.limits;
    SocketIo::builder()
        .ping_interval(if settings.heartbeat.is_zero() { NEVER } else { settings.heartbeat.min(NEVER) })
        .ping_timeout(PING_TIMEOUT)
        .upgrade_timeout(UPGRADE_TIMEOUT.min(limits.idle))
        .connect_timeout(JOIN_TIMEOUT.min(limits.idle))
        .max_buffer_size(BUFFER)
        .max_payload(max_payload(limits) as u64)
        .ws_read_buffer_size(READ_BUFFER)
        .ws_max_message_size(max_payload(limits))
        .ws_max_frame_size(max_payload(limits))
        .build_svc()
}

/// A body holds the longest message at least.
fn max_payload(limits: &Limits) -> usize {
    limits.message_bytes + FRAMING
}
