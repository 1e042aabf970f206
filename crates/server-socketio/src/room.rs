//! Room in a session's buffer.
//!
//! The library's buffer of a session can be asked whether it has room, and not be waited for. A [`Room`] stands for it: it
//! lets events in by their length as frames, and the session counts, by the same measure, what has left by a poll's answer
//! or into the WebSocket's stream. Packets that carry no event leave without having been let in, so that the buffer may
//! hold more than the room is large, by as much as these packets were.
//!
//! What is buffered for a session must fit one poll's answer. The library sets aside the first packet that does not
//! (engineioxide 0.17.9, `peeked_packet`), and forgets it when the session goes over to WebSocket.

use crate::session::Session;

/// Room in a session's buffer.
pub(crate) struct Room {
    session: Session,
    size: u64,
    /// Bytes that were let in.
    entered: u64,
    /// Bytes that left without having been let in.
    extra: u64,
}

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(session: Session, size: usize) -> Self {
        Self { session, size: size as u64, entered: 0, extra: 0 }
    }

    /// Lets in an event of this length as a frame; waits until it fits. One that never does is let in alone.
    pub(crate) async fn enter(&mut self, bytes: u64) {
        loop {
            let inside = self.inside();
            if inside == 0 || inside + bytes <= self.size {
                self.entered += bytes;
                return;
            }
            self.session.moved().await;
        }
    }

    /// Bytes that have not left.
    fn inside(&mut self) -> u64 {
        let left = self.session.total() - self.extra;
        self.extra += left.saturating_sub(self.entered);
        self.entered.saturating_sub(left)
    }
}

/// How long a packet of this length is as a frame that is not masked (RFC 6455 §5.2).
pub(crate) fn frame_len(packet: usize) -> u64 {
    let header = match packet {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    };
    packet as u64 + header
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn enters(room: &mut Room, bytes: u64) -> bool {
        pin!(room.enter(bytes)).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn as_many_bytes_are_let_in_as_fit_and_then_as_have_left() {
        let session = Session::default();
        let mut room = Room::new(session.clone(), 1_000);
        assert_eq!((0..1_000).take_while(|_| enters(&mut room, 100)).count(), 10);
        session.left(99);
        assert!(!enters(&mut room, 100));
        session.left(201);
        assert_eq!((0..1_000).take_while(|_| enters(&mut room, 100)).count(), 3);
    }

    #[test]
    fn what_is_larger_than_the_room_is_let_in_alone() {
        let session = Session::default();
        let mut room = Room::new(session.clone(), 1_000);
        assert!(enters(&mut room, 5_000));
        assert!(!enters(&mut room, 1));
        session.left(4_999);
        assert!(!enters(&mut room, 5_000));
        session.left(1);
        assert!(enters(&mut room, 5_000));
    }

    #[test]
    fn what_leaves_without_having_been_let_in_makes_no_room() {
        let session = Session::default();
        let mut room = Room::new(session.clone(), 1_000);
        session.left(10_000);
        assert_eq!((0..1_000).take_while(|_| enters(&mut room, 100)).count(), 10);
    }

    #[tokio::test]
    async fn who_waits_is_let_in_once_enough_has_left() {
        let session = Session::default();
        let mut room = Room::new(session.clone(), 1_000);
        room.enter(1_000).await;
        let waiting = tokio::spawn(async move { room.enter(500).await });
        session.left(400);
        session.left(100);
        waiting.await.expect("a place");
    }

    #[test]
    fn a_frames_header_grows_with_its_payload() {
        assert_eq!([125, 126, 65_535, 65_536].map(frame_len), [127, 130, 65_539, 65_546]);
    }
}
