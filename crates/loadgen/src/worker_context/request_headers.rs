//! The headers of every exchange, made once.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use model::settings::{HeaderProfile, Transport};

use crate::headers::{self, Exchange};

/// The headers of every exchange by the trial's profile, made once.
#[derive(Debug)]
pub(super) struct RequestHeaders {
    poll: HeaderMap,
    stream: HeaderMap,
    event_source: HeaderMap,
    web_socket: HeaderMap,
    post: HeaderMap,
    engine_poll: HeaderMap,
    engine_post: HeaderMap,
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
            engine_poll: of(Exchange::EnginePoll),
            engine_post: of(Exchange::EnginePost),
        }
    }

    /// The same with these fields in all requests that subscribe; without those whose value is empty.
    pub(super) fn with<'a>(mut self, fields: impl Iterator<Item = (&'a String, &'a String)>) -> Self {
        for (name, value) in fields {
            // A target's file has been checked for names and values that are none.
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
                continue;
            };
            for headers in [&mut self.poll, &mut self.stream, &mut self.event_source, &mut self.web_socket] {
                if value.is_empty() {
                    headers.remove(&name);
                } else {
                    headers.insert(name.clone(), value.clone());
                }
            }
        }
        self
    }

    pub(super) fn of(&self, exchange: Exchange) -> &HeaderMap {
        match exchange {
            Exchange::Poll => &self.poll,
            Exchange::Stream => &self.stream,
            Exchange::EventSource => &self.event_source,
            Exchange::WebSocket => &self.web_socket,
            Exchange::Post => &self.post,
            Exchange::EnginePoll => &self.engine_poll,
            Exchange::EnginePost => &self.engine_post,
        }
    }
}
