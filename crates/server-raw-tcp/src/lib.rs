//! The raw TCP server: length-prefixed frames on a bare socket. Not a web technique but the floor that every figure
//! is a multiple of.
//!
//! A client's first frame is the query text of [`protocol::Resume`]; every further one is a message of its own. The server
//! sends events, a frame each. A subscriber that fell out of the replay window, or a client that is not understood, is
//! notified in a last frame, `{"error":"too slow","missed":7}` or `{"error":"…"}`.

mod session;

use std::io;

use bytes::Bytes;
use server_kit::listener::{self, Admission, Door};
use server_kit::stream::Stream;
use server_kit::{Hub, Settings, Stop, stream};
use tokio::net::TcpListener;

use session::Session;

/// The message as a frame.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    protocol::frame::encode(message)
}

/// Serves until `stop`. A connection over the limit is closed at once.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let door = Door::new(&settings, &hub, None);
    let (site, idle) = ((hub, stop.clone()), settings.limits.idle);
    let connection = move |stream, admission| connection(stream, admission, site.clone(), idle);
    listener::accept(listener, door, &stop, connection).await
}

async fn connection(
    stream: Stream,
    admission: Admission,
    (hub, stop): (Hub, Stop),
    idle: std::time::Duration,
) {
    match admission {
        Admission::Admitted(_place) => Session::new(stream, hub).run(idle, &stop).await,
        Admission::Full(_) => stream::end(stream).await,
    }
}
