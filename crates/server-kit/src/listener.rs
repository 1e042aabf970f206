//! Accepts connections, up to the limit, with TLS if that is served, and waits for them at the end.
//!
//! The kernel cuts a connection whose client takes nothing of what was sent to it for
//! [`Limits::idle`](crate::settings::Limits::idle): no technique can report to a client that does not read that it is slow.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::settings::{Limits, Settings};
use crate::stream::{self, Stream};
use crate::{Hub, Stop};

/// How long connections may take to end after a stop, before they are cut.
pub const GRACE: Duration = Duration::from_secs(3);
/// Connections over the limit that are answered so; further ones are dropped at once.
const REJECTIONS: usize = 64;
/// After a failed accept: time for a descriptor to come free.
const PAUSE: Duration = Duration::from_millis(10);
const MOST_FAILURES: u32 = 1_000;

/// Whether there is room for a connection. Holds its place for as long as it lives.
#[derive(Debug)]
pub enum Admission {
    /// It may be served.
    Admitted(OwnedSemaphorePermit),
    /// The limit is reached: it only gets an error.
    Full(OwnedSemaphorePermit),
}

/// What is done to a connection before it is served: limits, and the TLS handshake.
#[derive(Clone)]
pub struct Acceptor {
    limits: Limits,
    tls: Option<TlsAcceptor>,
    hub: Hub,
}

impl Acceptor {
    /// With TLS, a client that asks for a protocol by ALPN, but not for this one, is rejected.
    pub fn new(settings: &Settings, hub: &Hub, protocol: Option<&[u8]>) -> Self {
        let tls = settings.transport.tls.as_ref().map(|tls| tls.acceptor(protocol));
        Self { limits: settings.limits.clone(), tls, hub: hub.clone() }
    }
}

/// Runs `serve` in a task for each connection, `TCP_NODELAY` and `TCP_USER_TIMEOUT` set, and its TLS handshake done,
/// until `stop`; then waits for the tasks, at most for [`GRACE`].
///
/// A connection whose TLS handshake fails, or takes longer than [`Limits::idle`], is rejected and counted
/// ([`Hub::rejected`]).
/// Fails when accepting fails a thousand times in a row.
pub async fn accept<F, Fut>(
    listener: TcpListener,
    acceptor: Acceptor,
    stop: &Stop,
    serve: F,
) -> io::Result<()>
where
    F: Fn(Stream, Admission) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let limit = ConnectionLimit::new(acceptor.limits.connections);
    let mut tasks = JoinSet::new();
    let accepted = accept_each(
        || listener.accept(),
        stop,
        &mut tasks,
        |(socket, _), tasks| {
            let Some(admission) = limit.admit() else { return };
            match &acceptor.tls {
                _ if prepare(&socket, acceptor.limits.idle).is_err() => return,
                None => tasks.spawn(serve(Stream::Plain(socket), admission)),
                Some(tls) => tasks.spawn(secured(socket, tls.clone(), acceptor.clone(), stop.clone(), {
                    let serve = serve.clone();
                    move |stream| serve(stream, admission)
                })),
            };
        },
    );
    let accepted = accepted.await;
    drop(listener);
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    // Those that are left are cut when the set is dropped.
    let _ = timeout(GRACE, all_ended).await;
    accepted
}

/// Calls `begin` with each connection that `accept` yields, until `stop`. The tasks that it starts are removed as they end.
/// Fails when accepting fails a thousand times in a row.
pub async fn accept_each<T, R, A>(
    accept: impl Fn() -> A,
    stop: &Stop,
    tasks: &mut JoinSet<R>,
    mut begin: impl FnMut(T, &mut JoinSet<R>),
) -> io::Result<()>
where
    R: 'static,
    A: Future<Output = io::Result<T>>,
{
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            accepted = accept() => accepted,
            () = stop.requested() => return Ok(()),
        };
        match accepted {
            Ok(connection) => {
                failures = 0;
                while tasks.try_join_next().is_some() {}
                begin(connection, tasks);
            }
            Err(error) if failures == MOST_FAILURES => return Err(error),
            // The peer has disconnected, or no descriptor is free: the next accept may succeed.
            Err(_) => {
                failures += 1;
                sleep(PAUSE).await;
            }
        }
    }
}

/// Sends at once what is written, and gives up on a client that takes nothing for `idle`.
fn prepare(stream: &TcpStream, idle: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // Covers a window that stays closed as well as silence (tcp(7)).
    Ok(set_tcp_user_timeout(stream, u32::try_from(idle.as_millis()).unwrap_or(u32::MAX))?)
}

/// Serves the connection once its TLS handshake is done. The rejection's alert is sent by the handshake itself.
async fn secured<Fut: Future<Output = ()>>(
    socket: TcpStream,
    tls: TlsAcceptor,
    acceptor: Acceptor,
    stop: Stop,
    serve: impl FnOnce(Stream) -> Fut,
) {
    let handshake = tls.accept(socket).into_fallible();
    let done = tokio::select! {
        done = timeout(acceptor.limits.idle, handshake) => done,
        () = stop.requested() => return,
    };
    match done {
        Ok(Ok(stream)) => serve(Stream::Tls(Box::new(stream))).await,
        Ok(Err((error, socket))) => {
            acceptor.hub.reject(&format_args!("TLS handshake: {error}"));
            stream::close(socket).await;
        }
        Err(_) => acceptor.hub.reject(&"TLS handshake: it did not come in time"),
    }
}

struct ConnectionLimit {
    room: Arc<Semaphore>,
    rejections: Arc<Semaphore>,
}

impl ConnectionLimit {
    fn new(connections: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { room: semaphore(connections), rejections: semaphore(REJECTIONS) }
    }

    fn admit(&self) -> Option<Admission> {
        let admitted = self.room.clone().try_acquire_owned().map(Admission::Admitted);
        admitted.or_else(|_| self.rejections.clone().try_acquire_owned().map(Admission::Full)).ok()
    }
}
