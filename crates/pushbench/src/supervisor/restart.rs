//! A server's address across a restart.
//!
//! The load process kills the server when it is time. The supervisor then starts the next server at the same address; it
//! receives the publisher's log by the same feed before it listens.

use std::net::{Ipv4Addr, SocketAddr};

use model::settings::Settings;
use tokio::net::TcpSocket;

/// Where and when one of pushbench's own servers listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listen {
    AnyPort,
    At(SocketAddr),
    /// At this address, once it has received the publisher's log.
    AfterFeed(SocketAddr),
}

impl Listen {
    /// As `pushbench serve` takes it.
    pub(super) fn arguments(self) -> Vec<String> {
        let listen = |address: SocketAddr| vec!["--listen".to_owned(), address.to_string()];
        match self {
            Self::AnyPort => listen((Ipv4Addr::LOCALHOST, 0).into()),
            Self::At(address) => listen(address),
            Self::AfterFeed(address) => [listen(address), vec!["--after-feed".to_owned()]].concat(),
        }
    }
}

/// An address that no other socket of this machine gets. Its socket is bound and does not listen. So no other program's
/// connection takes its port while no server listens there, and no subscriber's, which would be connected to itself.
#[derive(Debug)]
pub(super) struct ReservedAddress {
    _socket: TcpSocket,
    address: SocketAddr,
}

impl ReservedAddress {
    /// Reserves one for a server that is to be restarted, and none for any other.
    pub(super) fn reserve(settings: &Settings) -> Result<Option<Self>, String> {
        let reserved = settings.restart.as_ref().map(|_| {
            let socket = TcpSocket::new_v4()?;
            // The server sets it, too: so both may be bound, as long as only one of them listens.
            socket.set_reuseaddr(true)?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            Ok(Self { address: socket.local_addr()?, _socket: socket })
        });
        reserved.transpose().map_err(|error: std::io::Error| format!("no address can be reserved: {error}"))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use model::settings::{Backoff, Restart};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn reserved() -> ReservedAddress {
        let restart = Some(Restart { at_ns: 1, backoff: Backoff::None });
        ReservedAddress::reserve(&Settings { restart, ..Settings::default() }).unwrap().unwrap()
    }

    #[test]
    fn only_a_server_that_is_to_be_restarted_reserves_an_address() {
        assert!(ReservedAddress::reserve(&Settings::default()).unwrap().is_none());
    }

    #[tokio::test]
    async fn servers_listen_at_a_reserved_address_one_after_another_and_nobody_is_connected_in_between() {
        let reserved = reserved();
        for _ in 0..2 {
            assert!(TcpStream::connect(reserved.address()).await.is_err());
            let listener = TcpListener::bind(reserved.address()).await.unwrap();
            let client = TcpStream::connect(reserved.address()).await.unwrap();
            // The server closes first, which leaves its connection in TIME_WAIT.
            drop(listener.accept().await.unwrap());
            drop((listener, client));
        }
    }

    #[test]
    fn a_second_server_waits_for_the_log() {
        let address = ([127, 0, 0, 1], 4000).into();
        assert_eq!(Listen::AnyPort.arguments(), ["--listen", "127.0.0.1:0"]);
        assert_eq!(Listen::At(address).arguments(), ["--listen", "127.0.0.1:4000"]);
        assert_eq!(Listen::AfterFeed(address).arguments(), ["--listen", "127.0.0.1:4000", "--after-feed"]);
    }
}
