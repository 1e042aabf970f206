//! A server process on a core of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use loadgen::os;
use protocol::ready::ReadyLine;

use crate::Outcome;
use crate::contest::{Contestant, NCHAN_MODULE, Way, node_file, search_path};

/// How long a server may take to listen, and how often it is tried.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// It ends when this is dropped.
pub(crate) struct Server {
    process: Child,
    worker: u32,
    pub(crate) address: SocketAddr,
    _dir: Option<tempfile::TempDir>,
}

impl Server {
    pub(crate) fn start(contestant: Contestant, way: Way) -> Outcome<Self> {
        match contestant {
            Contestant::Ours => ours(way.slug()),
            Contestant::Nchan => nchan(),
            Contestant::WsNode => node("ws.mjs"),
            Contestant::SocketIoNode => node("socketio.mjs"),
        }
    }

    /// CPU time of all its threads.
    pub(crate) fn cpu_ns(&self) -> Outcome<u64> {
        Ok(os::process_cpu_ns(self.worker)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input stops ours; the others are asked by their signal.
        drop(self.process.stdin.take());
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        }
        let _ = self.process.wait();
    }
}

fn ours(technique: &str) -> Outcome<Server> {
    let program = match std::env::var_os("FAN_OUT_PROGRAM") {
        Some(path) => PathBuf::from(path),
        None => beside()?,
    };
    let mut process = Command::new(program)
        .args(["serve", technique, "--cores", "0", "--replay", "65536"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(process.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
    let address = ReadyLine::parse(&line)?.address;
    Ok(Server { worker: process.id(), process, address, _dir: None })
}

/// `pushbench`, built beside this example.
fn beside() -> Outcome<PathBuf> {
    let examples = std::env::current_exe()?;
    let build = examples.parent().and_then(Path::parent).ok_or("no build folder")?;
    Ok(build.join("pushbench"))
}

fn nchan() -> Outcome<Server> {
    let dir = tempfile::tempdir()?;
    let address = free_address()?;
    let config = include_str!("../../../../targets/nchan/nginx.conf")
        .replace("{module}", NCHAN_MODULE)
        .replace("{port}", &address.port().to_string())
        .replace("{dir}", &dir.path().display().to_string());
    let file = dir.path().join("nginx.conf");
    fs::write(&file, config)?;
    let process = pinned("nginx").arg("-p").arg(dir.path()).arg("-c").arg(&file).spawn()?;
    let server = Server { worker: process.id(), process, address, _dir: Some(dir) };
    // The worker is there later than the socket.
    listening(server, "nginx", |nginx| {
        let children = fs::read_to_string(format!("/proc/{nginx}/task/{nginx}/children"))?;
        Ok(children.split_ascii_whitespace().next().map(str::parse).transpose()?)
    })
}

fn node(file: &str) -> Outcome<Server> {
    let address = free_address()?;
    let process = pinned("node").arg(node_file(file)).arg(address.port().to_string()).spawn()?;
    listening(Server { worker: process.id(), process, address, _dir: None }, file, |node| Ok(Some(node)))
}

/// Waits until it listens, and the process that serves is there: `worker` finds that by the id of the one that was started.
fn listening(
    mut server: Server,
    name: &str,
    worker: impl Fn(u32) -> Outcome<Option<u32>>,
) -> Outcome<Server> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = server.process.try_wait()? {
            return Err(format!("{name} ended before it listened: {status}").into());
        }
        if let Some(worker) = worker(server.process.id())?
            && TcpStream::connect(server.address).is_ok()
        {
            server.worker = worker;
            return Ok(server);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Err(format!("{name} does not listen").into())
}

/// Somebody else's program on the server's core. It ends with this one, however that ends; setpriv and taskset become it, so that their
/// id is its.
fn pinned(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "-c", "0", program]).env("PATH", search_path());
    command
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
