//! The techniques: the one list from which command line, contract tests, benches, scenarios and charts follow.

use std::io;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use loadgen::subscriber;
use loadgen::trial::Subscribe;
use model::manifest::TechniqueInfo;
use model::settings::{
    Compression, HttpVersion, Implementation, Settings as TrialSettings, ShortPolling, SocketIo,
    SocketIoTransports,
};
use server_kit::hub::Encode;
use server_kit::settings::File;
use server_kit::{Hub, Settings, Stop};
use tokio::net::TcpListener;

pub(crate) type Serve = fn(TcpListener, Hub, Settings, Stop) -> BoxFuture<'static, io::Result<()>>;

/// A way to get events to a subscriber: its names, its two halves, and what is optional.
#[derive(Debug)]
pub(crate) struct Technique {
    pub(crate) slug: &'static str,
    /// Its name for people.
    pub(crate) label: &'static str,
    /// What it is, in a line.
    pub(crate) about: &'static str,
    /// Whether it is the baseline, of which the others' figures are multiples.
    pub(crate) baseline: bool,
    /// Why it cannot take part in trials of these settings; none where it can.
    pub(crate) unsupported: fn(&TrialSettings) -> Option<&'static str>,
    /// The server half's encoding by these settings, once per event.
    pub(crate) encode: fn(&Settings) -> Encode,
    pub(crate) serve: Serve,
    pub(crate) subscribe: Subscribe,
    /// The client in a web page; none where a page cannot subscribe.
    pub(crate) page_client: Option<File>,
}

impl Technique {
    /// One that supports all settings, encodes alike by all of them, and has no client in a web page.
    pub(crate) const fn new(
        slug: &'static str,
        label: &'static str,
        about: &'static str,
        (encode, serve): (fn(&Settings) -> Encode, Serve),
        subscribe: Subscribe,
    ) -> Self {
        let unsupported = |_: &TrialSettings| None;
        Self { slug, label, about, baseline: false, unsupported, encode, serve, subscribe, page_client: None }
    }

    const fn baseline(self) -> Self {
        Self { baseline: true, ..self }
    }

    const fn unsupported(self, unsupported: fn(&TrialSettings) -> Option<&'static str>) -> Self {
        Self { unsupported, ..self }
    }

    /// Adds the client in a web page, with which browsers and the demo take part.
    const fn page(self, client: File) -> Self {
        Self { page_client: Some(client), ..self }
    }
}

/// The server half: `encode` and `serve` of this crate or module, or another encoding by the settings.
macro_rules! server {
    ($($module:ident)::+) => {
        server!($($module)::+, |_| $($module)::+::encode)
    };
    ($($module:ident)::+, $encode:expr) => {
        ($encode, |listener, hub, settings, stop| $($module)::+::serve(listener, hub, settings, stop).boxed())
    };
}

macro_rules! client {
    ($($subscribe:ident)::+) => {
        |session| $($subscribe)::+(session).boxed_local()
    };
}

/// The file `assets/clients/<slug>.js`.
macro_rules! page_client {
    ($slug:literal) => {
        File {
            path: concat!("/clients/", $slug, ".js"),
            media_type: "text/javascript; charset=utf-8",
            body: include_bytes!(concat!("../assets/clients/", $slug, ".js")),
        }
    };
}

/// All techniques, in the order of tables and charts; the baseline is last.
pub(crate) static TECHNIQUES: &[Technique] = &[
    Technique::new(
        ShortPolling::TECHNIQUE,
        "Short polling",
        "the client asks every interval; an empty answer when nothing is new (RFC 9110)",
        server!(server_short_polling),
        client!(subscriber::polling::short),
    )
    .page(page_client!("short-polling")),
    Technique::new(
        "long-polling",
        "Long polling",
        "the server holds the request until there is an event or a time-out (RFC 6202)",
        server!(server_long_polling),
        client!(subscriber::polling::long),
    )
    .page(page_client!("long-polling")),
    Technique::new(
        "http-streaming-ndjson",
        "HTTP streaming (NDJSON)",
        "one response that never ends, a line per event, in chunks (RFC 9112 §7.1)",
        server!(server_http_streaming::ndjson),
        client!(subscriber::http_streaming::ndjson),
    )
    .page(page_client!("http-streaming-ndjson")),
    Technique::new(
        "http-streaming-sse",
        "Server-Sent Events",
        "one response that never ends, as browsers' EventSource reads it (WHATWG HTML §9.2)",
        server!(server_http_streaming::sse),
        client!(subscriber::http_streaming::sse),
    )
    .page(page_client!("http-streaming-sse")),
    Technique::new(
        "websocket",
        "WebSocket",
        "an HTTP upgrade, then frames both ways (RFC 6455)",
        server!(server_websocket, server_websocket::encode),
        client!(subscriber::websocket::subscribe),
    )
    .unsupported(without_websocket)
    .page(page_client!("websocket")),
    Technique::new(
        SocketIo::TECHNIQUE,
        "Socket.IO",
        "named events over Engine.IO: by polling, by WebSocket, or from one to the other (protocol 5)",
        server!(server_socketio, server_socketio::encode),
        client!(subscriber::socketio::subscribe),
    )
    .unsupported(without_socketio)
    .page(page_client!("socketio")),
    Technique::new(
        "raw-tcp",
        "Raw TCP",
        "length-prefixed frames on a bare socket; not for the web, but the baseline of all figures",
        server!(server_raw_tcp),
        client!(subscriber::raw_tcp::subscribe),
    )
    .baseline(),
];

/// Which settings the server's library does not support, and why.
fn without_websocket(settings: &TrialSettings) -> Option<&'static str> {
    let is_library = settings.implementation == Implementation::Library;
    (is_library && settings.transport.compression == Compression::Deflate)
        .then_some("tungstenite has no permessage-deflate")
}

/// Which settings the server's library does not support, and why.
fn without_socketio(settings: &TrialSettings) -> Option<&'static str> {
    let transport = &settings.transport;
    match (transport.http, transport.compression) {
        (_, Compression::Deflate) => Some("socketioxide compresses neither frames nor bodies"),
        (HttpVersion::Http2, _) if settings.socketio.transports != SocketIoTransports::Polling => {
            Some("socketioxide opens no WebSocket on HTTP/2 (RFC 8441)")
        }
        _ => None,
    }
}

/// All slugs, in order.
pub(crate) fn slugs() -> Vec<&'static str> {
    TECHNIQUES.iter().map(|technique| technique.slug).collect()
}

/// The technique of this name, and its place in the order.
pub(crate) fn find(slug: &str) -> Option<(usize, &'static Technique)> {
    TECHNIQUES.iter().enumerate().find(|(_, technique)| technique.slug == slug)
}

pub(crate) fn infos() -> Vec<TechniqueInfo> {
    let info = |technique: &Technique| TechniqueInfo {
        slug: technique.slug.to_owned(),
        label: technique.label.to_owned(),
        about: technique.about.to_owned(),
        baseline: technique.baseline,
    };
    TECHNIQUES.iter().map(info).collect()
}
