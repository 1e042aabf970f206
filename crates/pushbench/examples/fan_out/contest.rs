//! Who takes part in what.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) const NCHAN_MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// A technique, and by which transport where it has two.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Ndjson,
    Sse,
    WebSocket,
    LongPolling,
    SocketIo,
    SocketIoPolling,
}

impl Way {
    pub(crate) const ALL: [Self; 6] =
        [Self::Ndjson, Self::Sse, Self::WebSocket, Self::LongPolling, Self::SocketIo, Self::SocketIoPolling];

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Ndjson => "http-streaming-ndjson",
            Self::Sse => "http-streaming-sse",
            Self::WebSocket => "websocket",
            Self::LongPolling => "long-polling",
            Self::SocketIo | Self::SocketIoPolling => "socketio",
        }
    }

    pub(crate) fn contestants(self) -> &'static [Contestant] {
        match self {
            Self::WebSocket => &[Contestant::Ours, Contestant::Nchan, Contestant::WsNode],
            Self::SocketIo | Self::SocketIoPolling => &[Contestant::Ours, Contestant::SocketIoNode],
            Self::Ndjson | Self::Sse | Self::LongPolling => &[Contestant::Ours, Contestant::Nchan],
        }
    }

    /// Brackets that open in an event: its message's, and that of Socket.IO's packet. Nothing else that is counted holds one.
    pub(crate) fn brackets(self) -> u64 {
        if matches!(self, Self::SocketIo | Self::SocketIoPolling) { 2 } else { 1 }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self {
            Self::SocketIo => " by WebSocket",
            Self::SocketIoPolling => " by polling",
            _ => "",
        };
        write!(out, "{}{transport}", self.slug())
    }
}

/// A server program.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Contestant {
    Ours,
    Nchan,
    WsNode,
    SocketIoNode,
}

impl Contestant {
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::Nchan, Self::WsNode, Self::SocketIoNode];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "pushbench",
            Self::Nchan => "nchan",
            Self::WsNode => "ws-node",
            Self::SocketIoNode => "socketio-node",
        }
    }

    /// What has to be done before it can take part.
    pub(crate) fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Ours => None,
            Self::Nchan if !is_program("nginx") => Some("install the Debian package nginx"),
            Self::Nchan => {
                (!Path::new(NCHAN_MODULE).exists()).then_some("install the Debian package libnginx-mod-nchan")
            }
            Self::WsNode => node_remedy("ws"),
            Self::SocketIoNode => node_remedy("socket.io"),
        }
    }
}

fn node_remedy(package: &str) -> Option<&'static str> {
    if !is_program("node") {
        return Some("install the Debian package nodejs");
    }
    let is_there = node_file(&format!("node_modules/{package}/package.json")).exists();
    (!is_there).then_some("run npm ci --prefix targets/node")
}

fn is_program(name: &str) -> bool {
    std::env::split_paths(&search_path()).any(|folder| folder.join(name).is_file())
}

/// Where programs are looked for: also where nginx lies, which an ordinary user's `PATH` leaves out.
pub(crate) fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin");
    path
}

/// A file of the servers on Node.
pub(crate) fn node_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets/node").join(name)
}
