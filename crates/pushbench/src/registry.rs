//! The techniques: the one list from which command line, contract tests, benches, scenarios and charts follow.

use std::io;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use loadgen::subscriber;
use loadgen::trial::Subscribe;
use model::manifest::TechniqueInfo;
use model::settings::{Compression, HttpVersion, ShortPolling, SocketIo, SocketIoTransports};
use server_kit::hub::Encode;
use server_kit::pages::File;
use server_kit::{Hub, Settings, Stop};
use tokio::net::TcpListener;

/// Serves until the stop.
pub(crate) type Serve = fn(TcpListener, Hub, Settings, Stop) -> BoxFuture<'static, io::Result<()>>;

/// A way to get events to a subscriber: both halves, and how it is called.
#[derive(Debug)]
pub(crate) struct Technique {
    /// Its name on the command line and in files.
    pub(crate) slug: &'static str,
    /// Its name for people.
    pub(crate) label: &'static str,
    /// What it is, in a line.
    pub(crate) about: &'static str,
    /// Whether it is the floor that the others' figures are a multiple of.
    pub(crate) baseline: bool,
    /// Why it takes no part in trials of these settings; none where it does.
    pub(crate) unsupported: fn(&model::settings::Settings) -> Option<&'static str>,
    /// The server half's encoding by these settings, once per event.
    pub(crate) encode: fn(&Settings) -> Encode,
    /// The server half.
    pub(crate) serve: Serve,
    /// The client half.
    pub(crate) subscribe: Subscribe,
    /// The client in a web page; none where a page cannot subscribe.
    pub(crate) page_client: Option<File>,
}

/// The file `assets/clients/<slug>.js`.
macro_rules! page_client {
    ($slug:literal) => {
        Some(File {
            path: concat!("/clients/", $slug, ".js"),
            media_type: "text/javascript; charset=utf-8",
            body: include_bytes!(concat!("../assets/clients/", $slug, ".js")),
        })
    };
}

/// All techniques, in the order of tables and charts; the floor is last.
pub(crate) static TECHNIQUES: [Technique; 7] = [
    Technique {
        slug: ShortPolling::TECHNIQUE,
        label: "Short polling",
        about: "the client asks every interval; an empty answer when nothing is new (RFC 9110)",
        baseline: false,
        unsupported: |_| None,
        encode: |_| server_short_polling::encode,
        serve: |listener, hub, settings, stop| {
            server_short_polling::serve(listener, hub, settings, stop).boxed()
        },
        subscribe: |session| subscriber::polling::short(session).boxed_local(),
        page_client: page_client!("short-polling"),
    },
    Technique {
        slug: "long-polling",
        label: "Long polling",
        about: "the server holds the request until there is an event or a time-out (RFC 6202)",
        baseline: false,
        unsupported: |_| None,
        encode: |_| server_long_polling::encode,
        serve: |listener, hub, settings, stop| {
            server_long_polling::serve(listener, hub, settings, stop).boxed()
        },
        subscribe: |session| subscriber::polling::long(session).boxed_local(),
        page_client: page_client!("long-polling"),
    },
    Technique {
        slug: "http-streaming-ndjson",
        label: "HTTP streaming (NDJSON)",
        about: "one response that never ends, a line per event, in chunks (RFC 9112 §7.1)",
        baseline: false,
        unsupported: |_| None,
        encode: |_| server_http_streaming::ndjson::encode,
        serve: |listener, hub, settings, stop| {
            server_http_streaming::ndjson::serve(listener, hub, settings, stop).boxed()
        },
        subscribe: |session| subscriber::http_streaming::ndjson(session).boxed_local(),
        page_client: page_client!("http-streaming-ndjson"),
    },
    Technique {
        slug: "http-streaming-sse",
        label: "Server-Sent Events",
        about: "one response that never ends, as browsers' EventSource reads it (WHATWG HTML §9.2)",
        baseline: false,
        unsupported: |_| None,
        encode: |_| server_http_streaming::sse::encode,
        serve: |listener, hub, settings, stop| {
            server_http_streaming::sse::serve(listener, hub, settings, stop).boxed()
        },
        subscribe: |session| subscriber::http_streaming::sse(session).boxed_local(),
        page_client: page_client!("http-streaming-sse"),
    },
    Technique {
        slug: "websocket",
        label: "WebSocket",
        about: "an HTTP upgrade, then frames both ways (RFC 6455)",
        baseline: false,
        unsupported: |_| None,
        encode: |settings| server_websocket::encode(settings.frames),
        serve: |listener, hub, settings, stop| server_websocket::serve(listener, hub, settings, stop).boxed(),
        subscribe: |session| subscriber::websocket::subscribe(session).boxed_local(),
        page_client: page_client!("websocket"),
    },
    Technique {
        slug: SocketIo::TECHNIQUE,
        label: "Socket.IO",
        about: "named events over Engine.IO: by polling, by WebSocket, or from one to the other (protocol 5)",
        baseline: false,
        unsupported: without_socketio,
        encode: |_| server_socketio::encode,
        serve: |listener, hub, settings, stop| server_socketio::serve(listener, hub, settings, stop).boxed(),
        subscribe: |session| subscriber::socketio::subscribe(session).boxed_local(),
        page_client: page_client!("socketio"),
    },
    Technique {
        slug: "raw-tcp",
        label: "Raw TCP",
        about: "length-prefixed frames on a bare socket; not for the web, but the baseline of all figures",
        baseline: true,
        unsupported: |_| None,
        encode: |_| server_raw_tcp::encode,
        serve: |listener, hub, settings, stop| server_raw_tcp::serve(listener, hub, settings, stop).boxed(),
        subscribe: |session| subscriber::raw_tcp::subscribe(session).boxed_local(),
        page_client: None,
    },
];

/// Where the server's library cannot follow.
fn without_socketio(settings: &model::settings::Settings) -> Option<&'static str> {
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

/// The technique of this name, and its place.
pub(crate) fn find(slug: &str) -> Option<(usize, &'static Technique)> {
    TECHNIQUES.iter().enumerate().find(|(_, technique)| technique.slug == slug)
}

/// The techniques as the manifest names them.
pub(crate) fn infos() -> Vec<TechniqueInfo> {
    let info = |technique: &Technique| TechniqueInfo {
        slug: technique.slug.to_owned(),
        label: technique.label.to_owned(),
        about: technique.about.to_owned(),
        baseline: technique.baseline,
    };
    TECHNIQUES.iter().map(info).collect()
}
