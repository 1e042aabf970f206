//! Accepts connections, up to the limit, and waits for them at the end.
//!
//! The kernel cuts a connection whose client takes nothing of what was sent to it for
//! [`Limits::idle`](crate::settings::Limits::idle): no technique can tell somebody who does not read that it is slow.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Stop;
use crate::settings::Limits;
use crate::stream::Stream;

/// How long connections may take to end after a stop, before they are cut.
pub const GRACE: Duration = Duration::from_secs(3);
/// Connections over the limit that are answered so; further ones are dropped at once.
const REFUSALS: usize = 64;
/// After a failed accept: time for a descriptor to come free.
const PAUSE: Duration = Duration::from_millis(10);
const MOST_FAILURES: u32 = 1_000;

/// Whether there is room for a connection. Holds its place for as long as it lives.
#[derive(Debug)]
pub enum Admission {
    /// It may be served.
    Admitted(OwnedSemaphorePermit),
    /// The limit is reached: it can only be told so.
    Full(OwnedSemaphorePermit),
}

/// Runs `serve` in a task for each connection, `TCP_NODELAY` and `TCP_USER_TIMEOUT` set, until `stop`; then waits for the tasks, at most for
/// [`GRACE`].
///
/// # Errors
///
/// When accepting fails a thousand times in a row.
pub async fn accept<F, Fut>(listener: TcpListener, limits: &Limits, stop: &Stop, serve: F) -> io::Result<()>
where
    F: Fn(Stream, Admission) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let gate = Gate::new(limits.connections);
    let mut tasks = JoinSet::new();
    let accepted = tokio::select! {
        accepted = accept_all(&listener, &gate, limits.idle, &mut tasks, serve) => accepted,
        () = stop.requested() => Ok(()),
    };
    drop(listener);
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    // Those that are left are cut when the set is dropped.
    let _ = timeout(GRACE, all_ended).await;
    accepted
}

async fn accept_all<F, Fut>(
    listener: &TcpListener,
    gate: &Gate,
    idle: Duration,
    tasks: &mut JoinSet<()>,
    serve: F,
) -> io::Result<()>
where
    F: Fn(Stream, Admission) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut failures = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failures = 0;
                while tasks.try_join_next().is_some() {}
                if let Some(admission) = gate.admit()
                    && prepare(&stream, idle).is_ok()
                {
                    tasks.spawn(serve(Stream::Plain(stream), admission));
                }
            }
            Err(error) if failures == MOST_FAILURES => return Err(error),
            // A peer that gave up, or no descriptor free: the next may fare better.
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

struct Gate {
    room: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl Gate {
    fn new(connections: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { room: semaphore(connections), refusals: semaphore(REFUSALS) }
    }

    fn admit(&self) -> Option<Admission> {
        let admitted = self.room.clone().try_acquire_owned().map(Admission::Admitted);
        admitted.or_else(|_| self.refusals.clone().try_acquire_owned().map(Admission::Full)).ok()
    }
}
