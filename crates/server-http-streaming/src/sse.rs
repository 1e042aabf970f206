//! Server-Sent Events (WHATWG HTML §9.2): `retry` first, then `id` and `data` of each event; a comment after silence;
//! `: too slow, missed 7` as the last comment of a subscriber that fell out of the replay window.
//!
//! `Last-Event-ID`, which a browser sends when it connects again, wins over `after`, which is in the URL for ever.

use std::io;

use bytes::Bytes;
use protocol::{Resume, Start, sse};
use server_kit::{Hub, Lagged, Settings, Stop};
use tokio::net::TcpListener;

use crate::events::Format;

/// The message as an event: `id` and `data`.
pub fn encode(seq: u64, message: &Bytes) -> Bytes {
    sse::encode(seq, message)
}

/// Serves until `stop`, which ends the streams.
/// Fails when accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    crate::serve::<Sse>(listener, hub, settings, stop).await
}

struct Sse;

impl Format for Sse {
    const MEDIA_TYPE: &'static str = sse::MEDIA_TYPE;
    const HEARTBEAT: &'static [u8] = sse::HEARTBEAT;

    fn preamble(settings: &Settings) -> Option<Bytes> {
        let retry_ms = settings.retry.as_millis() as u64;
        (retry_ms > 0).then(|| sse::encode_retry(retry_ms))
    }

    /// An empty id is none: a client is not to send it so, but some do.
    fn resume<'a>(query: Resume, header: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Resume> {
        let start = match header("last-event-id").filter(|id| !id.is_empty()) {
            Some(id) => Start::After(std::str::from_utf8(id).ok()?.parse().ok()?),
            None => query.start,
        };
        Some(Resume { start, ..query })
    }

    fn too_slow(lagged: Lagged) -> Bytes {
        sse::encode_comment(&lagged.to_string())
    }
}
