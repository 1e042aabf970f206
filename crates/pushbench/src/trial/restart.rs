//! The supervisor's part of a restart: an address that is kept for the server and for the one that takes its place.
//!
//! The load process kills the server when it is time; its death is the word to start the next one, which is given the
//! publisher's log by the same feed before it listens. A second death, or one that nobody asked for, is the trial's end.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;

use model::settings::Settings;
use rustix::process::Signal;
use tokio::net::TcpSocket;

use super::Stage;
use super::servers::Running;
use crate::plan::Trial;
use crate::processes::ProcessError;

/// How a server of ours begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// At any free port.
    Anywhere,
    /// At this address.
    At(SocketAddr),
    /// At this address, when it was given the publisher's log.
    Behind(SocketAddr),
}

impl Begin {
    /// As `pushbench serve` takes it.
    pub(super) fn arguments(self) -> Vec<String> {
        let listen = |address: SocketAddr| vec!["--listen".to_owned(), address.to_string()];
        match self {
            Self::Anywhere => listen((Ipv4Addr::LOCALHOST, 0).into()),
            Self::At(address) => listen(address),
            Self::Behind(address) => [listen(address), vec!["--after-feed".to_owned()]].concat(),
        }
    }
}

/// An address that no other socket of this machine gets. It is bound and does not listen: so neither a connection of somebody
/// else's takes its port while no server listens there, nor can a subscriber's own, which would be connected to itself.
#[derive(Debug)]
pub(super) struct Place {
    /// Held, and never used.
    _socket: TcpSocket,
    address: SocketAddr,
}

impl Place {
    /// One for a server that is to be restarted; none for any other.
    ///
    /// # Errors
    ///
    /// When there is none to be had.
    pub(super) fn reserve(settings: &Settings) -> Result<Option<Self>, String> {
        let reserved = settings.restart.as_ref().map(|_| {
            let socket = TcpSocket::new_v4()?;
            // The server sets it, too: so both may be bound, as long as only one of them listens.
            socket.set_reuseaddr(true)?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            Ok(Self { address: socket.local_addr()?, _socket: socket })
        });
        reserved.transpose().map_err(|error: std::io::Error| format!("no address can be kept: {error}"))
    }

    /// Where both servers listen.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Running {
    /// Resolves when it has ended for good, with the reason. One that was killed and has a place is replaced once; all the while,
    /// the process that is the server is this one's own.
    pub(super) async fn died_for_good(&mut self, stage: &Stage, trial: &Trial<'_>) -> String {
        let death = self.process.died().await;
        let Some(place) = self.place.take().filter(|_| was_killed(&death)) else {
            return death.to_string();
        };
        // The old server has left its socket there.
        let _ = std::fs::remove_file(&self.feed);
        match stage.start_server(trial, &self.feed, Begin::Behind(place.address())).await {
            Ok((process, ready)) => (self.process, self.ready) = (process, ready),
            Err(error) => return format!("the server could not be started again: {error}"),
        }
        let death = self.process.died().await;
        drop(place);
        death.to_string()
    }
}

fn was_killed(death: &ProcessError) -> bool {
    matches!(death, ProcessError::Ended { status, .. } if status.signal() == Some(Signal::KILL.as_raw()))
}

#[cfg(test)]
mod tests {
    use model::settings::{Backoff, Restart};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn place() -> Place {
        let restart = Some(Restart { at_ns: 1, backoff: Backoff::None });
        Place::reserve(&Settings { restart, ..Settings::default() }).unwrap().unwrap()
    }

    #[test]
    fn only_a_server_that_is_to_be_restarted_has_a_place() {
        assert!(Place::reserve(&Settings::default()).unwrap().is_none());
    }

    #[tokio::test]
    async fn servers_listen_at_a_place_one_after_another_and_nobody_is_connected_in_between() {
        let place = place();
        for _ in 0..2 {
            assert!(TcpStream::connect(place.address()).await.is_err());
            let listener = TcpListener::bind(place.address()).await.unwrap();
            let client = TcpStream::connect(place.address()).await.unwrap();
            // The server is gone first, which leaves its connection behind for a while.
            drop(listener.accept().await.unwrap());
            drop((listener, client));
        }
    }

    #[test]
    fn a_second_server_waits_for_the_log() {
        let address = ([127, 0, 0, 1], 4000).into();
        assert_eq!(Begin::Anywhere.arguments(), ["--listen", "127.0.0.1:0"]);
        assert_eq!(Begin::At(address).arguments(), ["--listen", "127.0.0.1:4000"]);
        assert_eq!(Begin::Behind(address).arguments(), ["--listen", "127.0.0.1:4000", "--after-feed"]);
    }
}
