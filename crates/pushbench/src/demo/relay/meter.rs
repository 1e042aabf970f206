//! What crosses one connection: bytes by layer, and how many requests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use loadgen::byte_accounting::{Classifier, Protocol};

use crate::demo::lane::Lane;

/// Tells the lane what crosses.
pub(super) struct Meter<'a> {
    lane: &'a Lane,
    known: Mutex<Known>,
}

struct Known {
    classifier: Classifier,
    requests: Requests,
}

impl<'a> Meter<'a> {
    pub(super) fn new(lane: &'a Lane) -> Self {
        let known = Known { classifier: Classifier::new(Protocol::Http), requests: Requests::Idle };
        Self { lane, known: Mutex::new(known) }
    }

    /// The page sent these.
    pub(super) fn up(&self, bytes: &[u8]) {
        let Known { classifier, requests } = &mut *self.lock();
        let begins = requests.up();
        self.lane.count(|counts| {
            classifier.up(bytes, &mut counts.account);
            counts.requests += u64::from(begins);
        });
    }

    /// The page was given these.
    pub(super) fn down(&self, bytes: &[u8]) {
        let Known { classifier, requests } = &mut *self.lock();
        requests.down(bytes);
        self.lane.count(|counts| classifier.down(bytes, &mut counts.account));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where between requests a connection of HTTP/1.1 is.
///
/// Browsers do not send a request before the last one's answer has begun, so what is sent then begins a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requests {
    /// No request is under way, or its answer has begun.
    Idle,
    /// A request is under way.
    Asking,
    /// Upgraded: no more requests.
    Upgraded,
}

impl Requests {
    /// Whether bytes that go up now begin a request.
    fn up(&mut self) -> bool {
        let begins = *self == Self::Idle;
        if begins {
            *self = Self::Asking;
        }
        begins
    }

    fn down(&mut self, bytes: &[u8]) {
        if *self == Self::Asking {
            let upgraded = bytes.starts_with(b"HTTP/1.1 101");
            *self = if upgraded { Self::Upgraded } else { Self::Idle };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_once_however_it_is_cut_and_frames_do_not() {
        let mut requests = Requests::Idle;
        assert!(requests.up());
        assert!(!requests.up(), "its body");
        requests.down(b"HTTP/1.1 200 OK\r\n");
        requests.down(b"\r\nbody");
        assert!(requests.up(), "the next");
        requests.down(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        assert!(!requests.up(), "a frame");
        requests.down(b"a frame");
        assert!(!requests.up(), "another");
    }
}
