//! Why a trial did not run to its end.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use model::trial::{Failure, Side};
use protocol::message::MessageError;

use super::delivery_fault::DeliveryFault;
use super::load_workers::LoadWorkerError;
use crate::publisher::PublisherError;
use crate::schedule::payload::PayloadError;
use crate::transport::TrustError;

/// Why subscribers of another crate failed.
pub type DriverError = Box<dyn Error + Send + Sync>;

/// Why a trial did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The server process with this number has ended.
    #[error("the server (process {0}) ended during the trial")]
    ServerEnded(u32),
    /// The server process cannot be read or signalled.
    #[error("cannot {what} the server (process {pid})")]
    Server {
        /// What was tried.
        what: &'static str,
        /// Its number.
        pid: u32,
        /// The system's error.
        source: io::Error,
    },
    /// The server's feed cannot be reached at this path.
    #[error("connect to the feed {0}")]
    Feed(String, #[source] io::Error),
    /// The server is to be restarted, and it has no process of its own that is known.
    #[error("the settings ask for a restart, and the server is no process of its own that could be killed")]
    NotRestartable,
    /// The server was to be restarted, and the old one could not be killed, for this reason.
    #[error("the server was to be restarted, and was not killed: {0}")]
    NotKilled(String),
    /// The server was to be restarted, and no new one listened before the trial's end; with the last error.
    #[error("the server was to be restarted, and none is back at the end of the drain; {0}")]
    NotBack(String),
    /// The publisher shall use the feed, and the server was started without one.
    #[error("the settings ask for the feed, and the server has none")]
    NoFeed,
    /// The publisher cannot reach the server at this address.
    #[error("connect to {0} to post events")]
    Post(SocketAddr, #[source] io::Error),
    /// The address to publish at is none.
    #[error(
        "`{0}` is not an address to publish at; {{port2}} to {{port9}} are known only of a server that pushbench starts"
    )]
    PublishAddress(String),
    /// The command that publishes cannot be started.
    #[error("start the command that publishes")]
    PublishCommand(#[source] io::Error),
    /// Not all subscribers are connected in time.
    #[error("{connected} of {subscribers} {} {seconds} s; {last_error}", Failure::NOT_CONNECTED)]
    Connect {
        /// How many are.
        connected: u64,
        /// How many there are.
        subscribers: u32,
        /// The time that they had.
        seconds: u64,
        last_error: String,
    },
    /// Subscribers received no message; with the last error, or with what came instead.
    #[error("nothing was delivered; {0}")]
    NothingDelivered(String),
    /// So many messages that subscribers received are none, and why the first one is not.
    #[error("{0} received messages cannot be read")]
    Unreadable(u64, #[source] MessageError),
    /// What was delivered is not what was published.
    #[error(transparent)]
    Delivery(#[from] DeliveryFault),
    /// The publisher failed.
    #[error("the publisher gave up")]
    Publisher(#[source] PublisherError),
    /// The settings ask for what cannot be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The server cannot be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// These cores cannot be had.
    #[error("cannot stay on the cores {0:?}")]
    Pin(Vec<u32>, #[source] io::Error),
    /// This process cannot have as many connections as it might.
    #[error("raise the number of open files")]
    OpenFiles(#[source] io::Error),
    /// The load worker with this number, from 0, failed.
    #[error("load worker {0} of the load generator")]
    LoadWorker(u32, #[source] LoadWorkerError),
    /// Subscribers of another crate failed.
    #[error(transparent)]
    Driver(DriverError),
    /// A thread or its runtime cannot be had.
    #[error("start a thread")]
    Thread(#[source] io::Error),
    /// A thread or a subscriber panicked.
    #[error("a load thread panicked")]
    Panicked,
}

pub(super) fn pin(cores: &[u32]) -> Result<(), TrialError> {
    os::pin(cores).map_err(|source| TrialError::Pin(cores.to_vec(), source))
}

impl TrialError {
    /// Which side failed.
    pub fn side(&self) -> Side {
        match self {
            Self::Publisher(
                PublisherError::Feed(_)
                | PublisherError::Post(_)
                | PublisherError::Command(_)
                | PublisherError::NotAMessage(_),
            ) => Side::Server,
            Self::LoadWorker(_, source) => source.side(),
            Self::Publisher(_)
            | Self::Payload(_)
            | Self::Pin(..)
            | Self::OpenFiles(_)
            | Self::Driver(_)
            | Self::Thread(_)
            | Self::Panicked => Side::Load,
            _ => Side::Server,
        }
    }
}
