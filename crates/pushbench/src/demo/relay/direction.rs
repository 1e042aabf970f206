//! One direction of a relayed connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use loadgen::os;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::demo::board::Board;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// Pieces that may be on their way: five seconds of the highest rate.
const PIECES: usize = 1_024;

/// A piece, and when it is due, ns of `CLOCK_MONOTONIC`.
type Piece = (u64, Bytes);

/// Carries until an end closes it, and passes the end on. `taken` and `given` are shown the bytes as they cross.
pub(super) async fn carry(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    board: &Board,
    taken: impl Fn(&[u8]),
    given: impl Fn(&[u8]),
) {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::join!(take(from, sender, board, taken), give(receiver, to, board, given));
}

async fn take(mut from: OwnedReadHalf, pieces: mpsc::Sender<Piece>, board: &Board, taken: impl Fn(&[u8])) {
    loop {
        let mut bytes = BytesMut::with_capacity(READ_BYTES);
        let read = tokio::select! {
            read = from.read_buf(&mut bytes) => read,
            // The other end takes no more.
            () = pieces.closed() => return,
        };
        // An error ends a direction as its end does.
        if !matches!(read, Ok(1..)) {
            return;
        }
        taken(&bytes);
        let due_ns = os::now_ns() + u64::from(board.values().delay_ms) * 1_000_000;
        if pieces.send((due_ns, bytes.freeze())).await.is_err() {
            return;
        }
    }
}

async fn give(
    mut pieces: mpsc::Receiver<Piece>,
    mut to: OwnedWriteHalf,
    board: &Board,
    given: impl Fn(&[u8]),
) {
    while let Some((due_ns, bytes)) = pieces.recv().await {
        until(|| due_ns.max(board.values().stalled_until_ns)).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
        given(&bytes);
    }
    until(|| board.values().stalled_until_ns).await;
    // An error says that it is closed already.
    let _ = to.shutdown().await;
}

/// Waits for a time that may be put off meanwhile.
async fn until(due_ns: impl Fn() -> u64) {
    loop {
        let left_ns = due_ns().saturating_sub(os::now_ns());
        if left_ns == 0 {
            return;
        }
        sleep(Duration::from_nanos(left_ns)).await;
    }
}
