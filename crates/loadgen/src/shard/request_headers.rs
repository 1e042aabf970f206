//! The headers of every exchange, made once.

use std::net::SocketAddr;

use hyper::HeaderMap;
use schema::settings::{HeaderProfile, Transport};

use crate::headers::{self, Exchange};

/// The headers of every exchange by the trial's profile, made once.
#[derive(Debug)]
pub(super) struct RequestHeaders {
    poll: HeaderMap,
    stream: HeaderMap,
    event_source: HeaderMap,
    web_socket: HeaderMap,
    post: HeaderMap,
}

impl RequestHeaders {
    pub(super) fn new(profile: HeaderProfile, transport: &Transport, address: SocketAddr) -> Self {
        let of = |exchange| headers::headers(profile, exchange, transport, address);
        Self {
            poll: of(Exchange::Poll),
            stream: of(Exchange::Stream),
            event_source: of(Exchange::EventSource),
            web_socket: of(Exchange::WebSocket),
            post: of(Exchange::Post),
        }
    }

    pub(super) fn of(&self, exchange: Exchange) -> &HeaderMap {
        match exchange {
            Exchange::Poll => &self.poll,
            Exchange::Stream => &self.stream,
            Exchange::EventSource => &self.event_source,
            Exchange::WebSocket => &self.web_socket,
            Exchange::Post => &self.post,
        }
    }
}
