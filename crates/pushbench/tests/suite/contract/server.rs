//! A server in a process of its own, as subscribers and the application see it.

use std::fs;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use protocol::Resume;

use crate::contract::client::{self, Client};
use crate::contract::feed::Feed;
use crate::server_process::{LONGEST, Serving};

/// Keeps the server's lifeline at the shell: `$0` is a name for a pipe, the rest is the server's command line.
const HOLD_THE_LIFELINE: &str = r#"mkfifo "$0" && { "$@" <"$0" & } && exec 3>"$0" && wait"#;

/// A server that listens.
pub(crate) struct Server(Serving);

impl Server {
    /// A server that this process is the parent of.
    pub(crate) fn start(technique: &str, flags: &[&str]) -> Self {
        Self(Serving::start_directly(technique, flags))
    }

    /// A server whose parent is a shell, which holds its lifeline.
    pub(crate) fn start_below_a_shell(technique: &str) -> Self {
        Self(Serving::start(technique, &[], |folder, line| {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(HOLD_THE_LIFELINE).arg(folder.path().join("lifeline")).args(line);
            shell
        }))
    }

    /// A connection to its feed.
    pub(crate) fn feed(&self) -> Feed {
        Feed::connect(self.0.feed())
    }

    /// A new subscriber.
    pub(crate) fn join(&self, resume: Resume) -> Box<dyn Client> {
        let ready = self.ready();
        client::join(&ready.technique, ready.address, resume)
    }

    /// Returns once the server's process has read what the client has sent by now.
    pub(crate) fn until_taken(&self, client: &dyn Client) {
        let begun = Instant::now();
        while !has_read_everything(self.ready().address, client.local_address()) {
            assert!(begun.elapsed() < LONGEST, "the server does not read");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        loadgen::os::resident_bytes(self.ready().pid).expect("the server runs")
    }
}

impl Deref for Server {
    type Target = Serving;

    fn deref(&self) -> &Serving {
        &self.0
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Serving {
        &mut self.0
    }
}

/// Whether nothing waits in the receive queue of the connection's far end, as the kernel's table of sockets has it.
fn has_read_everything(server: SocketAddr, client: SocketAddr) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table of TCP sockets");
    let ends_in = |field: &str, address: SocketAddr| field.ends_with(&format!(":{:04X}", address.port()));
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().take(5).collect();
        matches!(fields[..], [_, local, remote, "01", queues]
            if ends_in(local, server) && ends_in(remote, client) && queues.ends_with(":00000000"))
    })
}
