//! How a target comes about, how it is known to be ready, and which processes it is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Address;

/// What placeholders call free ports.
pub const PORTS: [&str; 9] = ["port", "port2", "port3", "port4", "port5", "port6", "port7", "port8", "port9"];

/// How a target comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// It is started for each trial, and ended behind it.
    Started(Start),
    /// It runs already.
    Running(Running),
}

/// How a target is started and ended. All texts may have placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Files that are made in `{dir}`, and their templates in the target's folder.
    pub config: BTreeMap<String, String>,
    /// Variables beside those that pushbench itself has.
    pub env: BTreeMap<String, String>,
    /// Its working folder, relative to the target's folder.
    pub folder: Option<String>,
    /// What asks it to end.
    pub stop: StopSignal,
}

/// What asks a process to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM.
    #[default]
    Term,
    /// SIGINT.
    Int,
    /// SIGQUIT.
    Quit,
    /// SIGHUP.
    Hup,
    /// SIGKILL.
    Kill,
}

/// A server that runs already. Its processes are looked up as each trial begins; without any of these keys they are those that
/// listen at its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub address: Address,
    /// A process by its number.
    pub pid: Option<u32>,
    /// A file that holds a process's number, relative to the target's folder or absolute.
    pub pid_file: Option<PathBuf>,
    /// Ports on which further processes listen, such as those behind a proxy.
    pub ports: Vec<u16>,
}

/// How a target is known to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub when: ReadyWhen,
    /// So long it may take.
    pub within_ns: u64,
}

/// What shows that a target is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyWhen {
    /// It accepts a connection.
    Connects,
    /// It answers a request for this path.
    Answers(String),
    /// It has written a line that contains this, and accepts a connection.
    Writes(String),
}
