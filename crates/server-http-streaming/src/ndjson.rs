//! Chunked NDJSON: a line a message; an empty line after silence; `{"error":"too slow","missed":7}` as the last line
//! of a subscriber that fell out of the replay window.

use std::io;

use bytes::Bytes;
use protocol::{Resume, lines};
use server_kit::{Hub, Lagged, Settings, Stop};
use tokio::net::TcpListener;

use crate::events::Format;

/// The message as a line.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    lines::encode(message)
}

/// Serves until `stop`, which ends the streams.
/// Fails when accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    crate::serve::<Ndjson>(listener, hub, settings, stop).await
}

struct Ndjson;

impl Format for Ndjson {
    const MEDIA_TYPE: &'static str = lines::MEDIA_TYPE;
    const HEARTBEAT: &'static [u8] = b"\n";

    fn preamble(_: &Settings) -> Option<Bytes> {
        None
    }

    fn resume<'a>(query: Resume, _: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Resume> {
        Some(query)
    }

    fn too_slow(lagged: Lagged) -> Bytes {
        lines::encode(lagged.to_json().as_bytes())
    }
}
