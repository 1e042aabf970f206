//! SessionTickets for resuming TLS sessions (RFC 8446 §4.6.1): each serves once, the oldest first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_rustls::rustls::NamedGroup;
use tokio_rustls::rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use tokio_rustls::rustls::pki_types::ServerName;

/// More are not kept. A server gives two or so with each connection.
const MOST: usize = 64;

/// What one load thread may resume of the one server.
#[derive(Debug, Default)]
pub(super) struct SessionTickets(Mutex<TicketStore>);

#[derive(Debug, Default)]
struct TicketStore {
    tickets: VecDeque<Tls13ClientSessionValue>,
    group: Option<NamedGroup>,
}

impl SessionTickets {
    /// Whether the next connection can resume a session.
    pub(super) fn is_empty(&self) -> bool {
        self.store().tickets.is_empty()
    }

    fn store(&self) -> MutexGuard<'_, TicketStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for SessionTickets {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.store().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.store().group
    }

    // TLS 1.2 is not spoken.
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let tickets = &mut self.store().tickets;
        if tickets.len() < MOST {
            tickets.push_back(ticket);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.store().tickets.pop_front()
    }
}
