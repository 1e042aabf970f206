//! Why a trial did not run to its end.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use model::trial::Side;
use protocol::message::MessageError;

use super::load_workers::LoadWorkerError;
use crate::publisher::PublisherError;
use crate::schedule::payload::PayloadError;
use crate::transport::TrustError;

/// Why subscribers of another crate failed.
pub type DriverError = Box<dyn Error + Send + Sync>;

/// Why a trial did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The server process has ended.
    #[error("the server (process {pid}) ended during the trial")]
    ServerEnded {
        /// Its number.
        pid: u32,
    },
    /// The server process cannot be read or signalled.
    #[error("cannot {what} the server (process {pid})")]
    Server {
        /// What was tried.
        what: &'static str,
        /// Its number.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
    /// The server's feed cannot be reached.
    #[error("connect to the feed {path}")]
    Feed {
        /// Where it should be.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The server is to be restarted, and it has no process of its own that is known.
    #[error("the settings ask for a restart, and the server is no process of its own that could be killed")]
    NotRestartable,
    /// The server was to be restarted, and the old one could not be killed.
    #[error("the server was to be restarted, and was not killed: {why}")]
    NotKilled {
        /// What was tried, and what the system said.
        why: String,
    },
    /// The server was to be restarted, and no new one listened before the trial's end.
    #[error("the server was to be restarted, and none is back at the end of the drain; {last_error}")]
    NotBack {
        /// The last error.
        last_error: String,
    },
    /// The publisher shall use the feed, and the server was started without one.
    #[error("the settings ask for the feed, and the server has none")]
    NoFeed,
    /// The publisher cannot reach the server.
    #[error("connect to {address} to post events")]
    Post {
        /// Where it should listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Not all subscribers are connected in time.
    #[error("{connected} of {subscribers} subscribers are connected after {seconds} s; {last_error}")]
    Connect {
        /// How many are.
        connected: u64,
        /// How many there are.
        subscribers: u32,
        /// The time that they had.
        seconds: u64,
        /// The last error.
        last_error: String,
    },
    /// Subscribers lost their connections and received nothing.
    #[error("nothing was delivered; {last_error}")]
    NothingDelivered {
        /// The last error.
        last_error: String,
    },
    /// What subscribers received is not made of messages.
    #[error("{count} received messages cannot be read")]
    Unreadable {
        /// How many.
        count: u64,
        /// Why the first one cannot.
        source: MessageError,
    },
    /// The publisher failed.
    #[error("the publisher gave up")]
    Publisher(#[source] PublisherError),
    /// The settings ask for what cannot be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The server cannot be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The cores cannot be had.
    #[error("cannot stay on the cores {cores:?}")]
    Pin {
        /// Which.
        cores: Vec<u32>,
        /// What the system said.
        source: io::Error,
    },
    /// This process cannot have as many connections as it might.
    #[error("raise the number of open files")]
    OpenFiles(#[source] io::Error),
    /// A load worker failed.
    #[error("load worker {worker} of the load generator")]
    LoadWorker {
        /// Which, from 0.
        worker: u32,
        /// Why.
        source: LoadWorkerError,
    },
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

impl TrialError {
    /// Which side failed.
    pub fn side(&self) -> Side {
        match self {
            Self::ServerEnded { .. }
            | Self::Server { .. }
            | Self::Feed { .. }
            | Self::NotRestartable
            | Self::NotKilled { .. }
            | Self::NotBack { .. }
            | Self::NoFeed
            | Self::Post { .. }
            | Self::Connect { .. }
            | Self::NothingDelivered { .. }
            | Self::Unreadable { .. }
            | Self::Trust(_)
            | Self::Publisher(
                PublisherError::Feed(_) | PublisherError::Post(_) | PublisherError::NotAMessage(_),
            ) => Side::Server,
            Self::LoadWorker { source, .. } => source.side(),
            Self::Publisher(_)
            | Self::Payload(_)
            | Self::Pin { .. }
            | Self::OpenFiles(_)
            | Self::Driver(_)
            | Self::Thread(_)
            | Self::Panicked => Side::Load,
        }
    }
}
