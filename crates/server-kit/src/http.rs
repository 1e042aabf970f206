//! The connection loop of the HTTP servers: limits, idle time-out, graceful stop, `POST /messages`.
//!
//! hyper's connection per accepted stream, of the one version that [`Settings::transport`] names, with nothing in
//! between. A technique is an [`Endpoint`]: one path, or all below it, and what it answers there, in whichever version. One that
//! is [`FastPath`] answers plain requests on HTTP/1.1 by itself, and all others by hyper.
//!
//! # Layout
//!
//! - `endpoint`: how a request gets to the technique, and what its answer can ask of the connection
//! - `response`: response heads, and rejections
//! - `http1`, `http2`: a connection of that version, from its first byte to its last
//! - `fast_path`: what nearly all requests are, without hyper; `peer`: their connection
//! - `reclaim_on_drop`: a connection's stream in a library's hands, and back
//! - `pages`: pages of a browser's trial

mod endpoint;
mod fast_path;
mod http1;
mod http2;
mod pages;
mod peer;
mod reclaim_on_drop;
mod response;

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

use self::endpoint::Site;
use crate::listener::{self, Acceptor, Admission};
use crate::settings::{HttpVersion, Implementation};
use crate::stream::Stream;
use crate::{Hub, Settings, Stop, tls};

pub use endpoint::{Connection, Endpoint, Reach, take_message};
pub use fast_path::{FastPath, PlainRequest};
pub use peer::{Next, Peer};
pub use reclaim_on_drop::ReclaimOnDrop;
pub use response::{Head, NO_STORE, Rejection, answer, no_content, resume};

/// Serves until `stop`: open requests are answered by their endpoint, which is notified of the stop itself, and connections
/// closed; all that is bounded by [`listener::GRACE`].
///
/// A client that speaks the other version of HTTP gets an error in its own version, and is counted ([`Hub::rejected`]).
/// Fails when accepting fails for good.
pub async fn serve<E: Endpoint>(
    listener: TcpListener,
    hub: Hub,
    settings: &Settings,
    stop: Stop,
    endpoint: E,
) -> io::Result<()> {
    match settings.transport.http {
        HttpVersion::Http1 => on_http1(listener, hub, settings, stop, endpoint, http1::connection).await,
        HttpVersion::Http2 => {
            let (acceptor, stopped) = (Acceptor::new(settings, &hub, Some(tls::HTTP_2)), stop.clone());
            let http = http2::builder(&settings.limits);
            let site = Arc::new(Site::new(endpoint, hub, http, settings, stop));
            let serve = move |stream, admission| http2::connection(site.clone(), stream, admission);
            listener::accept(listener, acceptor, &stopped, serve).await
        }
    }
}

/// As [`serve`], and what the endpoint answers by itself does not pass through hyper, unless the settings ask for the library.
/// Fails as [`serve`].
pub async fn serve_fast<E: FastPath>(
    listener: TcpListener,
    hub: Hub,
    settings: &Settings,
    stop: Stop,
    endpoint: E,
) -> io::Result<()> {
    // The header field for other origins is added to hyper's answers only.
    let is_lean = settings.implementation == Implementation::Lean && !settings.cross_origin;
    if settings.transport.http == HttpVersion::Http1 && is_lean {
        on_http1(listener, hub, settings, stop, endpoint, fast_path::connection).await
    } else {
        serve(listener, hub, settings, stop, endpoint).await
    }
}

async fn on_http1<E, Fut>(
    listener: TcpListener,
    hub: Hub,
    settings: &Settings,
    stop: Stop,
    endpoint: E,
    connection: fn(Arc<Site<E, http1::Builder>>, Stream, Admission) -> Fut,
) -> io::Result<()>
where
    E: Endpoint,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (acceptor, stopped) = (Acceptor::new(settings, &hub, Some(tls::HTTP_1)), stop.clone());
    let http = http1::builder(&settings.limits);
    let site = Arc::new(Site::new(endpoint, hub, http, settings, stop));
    let serve = move |stream, admission| connection(site.clone(), stream, admission);
    listener::accept(listener, acceptor, &stopped, serve).await
}
