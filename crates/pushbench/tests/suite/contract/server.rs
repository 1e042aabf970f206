//! A server in a process of its own, as subscribers and the application see it, and the application's feed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::process::Command;

use protocol::Resume;
use protocol::frame::{FRAMING_LEN, decode_feed, encode_feed};
use test_support::server::message;

use crate::contract::client::{Client, Literal, ReceivedMessage};
use crate::server_process::{LONGEST, ServerProcess, until};

/// Keeps the server's lifeline at the shell: `$0` is a name for a pipe, the rest is the server's command line.
const HOLD_THE_LIFELINE: &str = r#"mkfifo "$0" && { "$@" <"$0" & } && exec 3>"$0" && wait"#;

pub(crate) struct Server {
    pub(crate) process: ServerProcess,
    technique: &'static Literal,
}

impl Server {
    /// A server that this process is the parent of.
    pub(crate) fn start(technique: &'static Literal, flags: &[&str]) -> Self {
        Self { process: ServerProcess::start_directly(technique.technique, flags), technique }
    }

    /// A server whose parent is a shell, which holds its lifeline.
    pub(crate) fn start_below_a_shell(technique: &'static Literal) -> Self {
        let process = ServerProcess::start(technique.technique, &[], |folder, line| {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(HOLD_THE_LIFELINE).arg(folder.path().join("lifeline")).args(line);
            shell
        });
        Self { process, technique }
    }

    pub(crate) fn feed(&self) -> Feed {
        Feed::connect(self.process.feed())
    }

    pub(crate) fn join(&self, resume: Resume) -> Box<dyn Client> {
        (self.technique.subscribe)(self.process.ready().address, resume)
    }

    /// Returns once the server's process has read what the client has sent by now.
    pub(crate) fn until_taken(&self, client: &dyn Client) {
        let (server, client) = (self.process.ready().address, client.local_address());
        until("the server has read it", || has_read_everything(server, client));
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        os::resident_bytes(self.process.ready().pid).expect("the server runs")
    }
}

pub(crate) struct Feed(UnixStream);

impl Feed {
    pub(crate) fn connect(path: &str) -> Self {
        let stream = UnixStream::connect(path).expect("the server's feed listens");
        stream.set_read_timeout(Some(LONGEST)).expect("a time-out");
        stream.set_write_timeout(Some(LONGEST)).expect("a time-out");
        Self(stream)
    }

    pub(crate) fn publish(&mut self, channel: u32, payload: &str) {
        self.0.write_all(&encode_feed(channel, &message(payload))).expect("the server reads its feed");
    }

    /// The next message that a subscriber sent to the application, and its channel.
    pub(crate) fn take(&mut self) -> (u32, ReceivedMessage) {
        let mut head = [0; FRAMING_LEN];
        self.0.read_exact(&mut head).expect("a frame");
        let mut body = vec![0; u32::from_be_bytes(head) as usize];
        self.0.read_exact(&mut body).expect("a whole frame");
        let (channel, message) = decode_feed(body.into()).expect("a channel and a message");
        (channel, ReceivedMessage::decode(&message))
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
