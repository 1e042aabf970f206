//! What a format says beside the events, and how many of these it says at once.

use bytes::Bytes;
use server_kit::Lagged;

/// Events that are there together are sent together, up to about so many bytes.
pub(crate) const RUN_BYTES: usize = 64 * 1024;
/// After so many runs of events without a pause, a stream looks for the stop: events that never end must not hold it up.
pub(crate) const RUNS_IN_A_ROW: u32 = 16;

/// What a format says beside the events.
pub(crate) trait Format: Unpin + Send + 'static {
    /// What a client passes over.
    const HEARTBEAT: &'static [u8];

    /// The last message to a subscriber that fell out of the replay window.
    fn too_slow(lagged: Lagged) -> Bytes;
}
