//! What an answer can ask of the connection that its request came on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::stream::Stream;

/// What a connection does with its stream and the bytes already read, once HTTP has let go of them.
pub(super) type Upgrade = Box<dyn FnOnce(Stream, Bytes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The connection that a request came on; on HTTP/2, the request's stream of it.
#[derive(Default)]
pub struct Connection {
    after: Mutex<After>,
}

#[derive(Default)]
pub(super) enum After {
    #[default]
    Close,
    Linger,
    Upgrade(Upgrade),
}

impl Connection {
    /// What shall be done after the answer is sent that says yes: `101` to an upgrade (RFC 9110 §7.8), with the
    /// connection's stream; `200` to an extended CONNECT (RFC 8441), with the request's own.
    pub fn upgrade<F, Fut>(&self, session: F)
    where
        F: FnOnce(Stream, Bytes) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.set(After::Upgrade(Box::new(|stream, read| Box::pin(session(stream, read)))));
    }

    pub(super) fn linger(&self) {
        self.set(After::Linger);
    }

    pub(super) fn take(&self) -> After {
        std::mem::take(&mut *self.after.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, after: After) {
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = after;
    }
}
