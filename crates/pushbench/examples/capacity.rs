//! Compares the CPU time of the load generator's own work with that of other clients of the same server:
//!
//! - a short-polling request: pushbench, `wrk`, `oha`, `ab`, `hey`, `h2load` and `autocannon`;
//! - a WebSocket echo: pushbench, a raw socket, and `tsung`, `artillery` and `locust` with the scripts in the folder `capacity`.
//!
//! All are closed loops over equally many connections, on core 1, against a fresh server on core 0. The CPU time of the client
//! and of all that it starts is compared by round. A tool's start is included, so slow starters make so many echoes that it is
//! about a tenth at most: with one echo for each connection, tsung took 0.4 s of 8, artillery 3.5 of 28 to 32, locust 0.8 of 13.
//!
//! ```text
//! cargo build --release && cargo run --release --example capacity [ROUNDS]
//! ```
#![allow(clippy::print_stdout, reason = "a small program whose figures are for the terminal")]

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loadgen::session::{Session, WorkerContext, WorkerSpec};
use loadgen::subscriber::{SubscribeError, polling, websocket};
use model::settings::{HeaderProfile, Settings};
use protocol::deflate::Kind;
use protocol::paths;
use protocol::ready::ReadyLine;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use test_support::websocket::{KEY, handshake};
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio_util::sync::CancellationToken;

type Outcome<T> = Result<T, Box<dyn Error>>;

const CONNECTIONS: u32 = 32;
/// Requests or echoes of all connections together.
const OPERATIONS: u64 = 200_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["raw-echo", address] => raw_echoes(address),
        [kind, address] => run_own(kind, address.parse()?),
        ref rounds if rounds.len() <= 1 => {
            let rounds = rounds.first().map_or(Ok(7), |rounds| rounds.parse())?;
            compare("short-polling request", "short-polling", &POLLS, rounds)?;
            compare("WebSocket echo", "websocket", &ECHOES, rounds)
        }
        _ => Err("usage: capacity [ROUNDS]".into()),
    }
}

/// A program that makes requests or echoes. `@NAME@` in its arguments and files is replaced; see [`Client::filled`].
#[derive(Clone, Copy)]
struct Client {
    name: &'static str,
    /// What brings it. Empty for the clients of this example.
    install: &'static str,
    /// Separated by spaces.
    arguments: &'static str,
    /// Scripts that it reads, by name and text.
    files: &'static [(&'static str, &'static str)],
    environment: &'static [(&'static str, &'static str)],
    /// Operations that it must make; none where its own time limit ends it.
    operations: Option<u64>,
    /// How many operations it made, by what it prints. Without this it makes as many as it must.
    counted: Option<fn(printed: &str) -> Option<u64>>,
}

/// A client that makes [`OPERATIONS`] operations. Those of this example need no installation.
const fn tool(name: &'static str, install: &'static str, arguments: &'static str) -> Client {
    let operations = Some(OPERATIONS);
    Client { name, install, arguments, files: &[], environment: &[], operations, counted: None }
}

static POLLS: [Client; 7] = [
    tool("pushbench", "", "poll @ADDRESS@"),
    Client {
        operations: None,
        // `  201234 requests in 1.00s, 13.05MB read`
        counted: Some(|printed| {
            let line = printed.lines().find(|line| line.contains(" requests in "))?;
            line.split_whitespace().next()?.parse().ok()
        }),
        ..tool("wrk", "Debian package wrk", "-t1 -c@CONNECTIONS@ -d1s @URL@")
    },
    tool("oha", "cargo install oha --locked", "--no-tui -c @CONNECTIONS@ -n @OPERATIONS@ @URL@"),
    tool("ab", "Debian package apache2-utils", "-q -k -c @CONNECTIONS@ -n @OPERATIONS@ @URL@"),
    tool("hey", "Debian package hey", "-c @CONNECTIONS@ -n @OPERATIONS@ @URL@"),
    tool("h2load", "Debian package nghttp2-client", "--h1 -t1 -c @CONNECTIONS@ -n @OPERATIONS@ @URL@"),
    tool("autocannon", "npm package autocannon", "-c @CONNECTIONS@ -a @OPERATIONS@ @URL@"),
];

static ECHOES: [Client; 5] = [
    tool("pushbench", "", "echo @ADDRESS@"),
    tool("raw socket", "", "raw-echo @ADDRESS@"),
    Client {
        operations: Some(5_000 * CONNECTIONS as u64),
        files: &[("tsung.xml", include_str!("capacity/tsung.xml"))],
        environment: &[
            // Its logs go below this folder.
            ("HOME", "."),
            // Without -noinput a shell would end at the end of its input. An epmd would stay behind.
            ("ERL_AFLAGS", "-noinput -start_epmd false -erl_epmd_port 0"),
        ],
        // Sums `stats: request 6432 0.31 …`, a line for each ten seconds. The handshakes are requests too.
        counted: Some(|printed| {
            let requests = printed.lines().filter_map(|line| {
                line.strip_prefix("stats: request ")?.split(' ').next()?.parse::<u64>().ok()
            });
            requests.sum::<u64>().checked_sub(CONNECTIONS.into())
        }),
        ..tool("tsung", "Debian package tsung", "-f tsung.xml -l log -m - -n -w 0 start")
    },
    Client {
        operations: Some(24_000 * CONNECTIONS as u64),
        files: &[
            ("artillery.yml", include_str!("capacity/artillery.yml")),
            ("artillery.js", include_str!("capacity/artillery.js")),
        ],
        // By default it reports the run to its maker.
        environment: &[("HOME", "."), ("ARTILLERY_DISABLE_TELEMETRY", "true")],
        // `websocket.messages_received: ........ 6400`, for each ten seconds and then for all.
        counted: Some(|printed| {
            let (_, summary) = printed.split_once("Summary report")?;
            let line = summary.lines().find(|line| line.starts_with("websocket.messages_received:"))?;
            line.split_whitespace().next_back()?.parse().ok()
        }),
        ..tool("artillery", "npm package artillery", "run artillery.yml")
    },
    Client {
        operations: Some(5_000 * CONNECTIONS as u64),
        files: &[("locustfile.py", include_str!("capacity/locustfile.py"))],
        counted: Some(|printed| printed.lines().find_map(|line| line.strip_prefix("echoes: ")?.parse().ok())),
        ..tool(
            "locust",
            "PyPI packages locust and websocket-client",
            "--headless -u @CONNECTIONS@ -r @CONNECTIONS@ --only-summary",
        )
    },
];

impl Client {
    fn command(&self, server: SocketAddr, folder: &Path) -> Outcome<Command> {
        for (name, text) in self.files {
            fs::write(folder.join(name), self.filled(text, server))?;
        }
        let own = self.install.is_empty();
        let program = if own { std::env::current_exe()? } else { PathBuf::from(self.name) };
        let mut command = Command::new(program);
        let arguments = self.arguments.split(' ').map(|argument| self.filled(argument, server));
        command.args(arguments).envs(self.environment.iter().copied()).current_dir(folder);
        Ok(command)
    }

    fn filled(&self, text: &str, server: SocketAddr) -> String {
        let operations = self.operations.unwrap_or(OPERATIONS);
        [
            ("@URL@", format!("http://{server}{}?channel=0&after=0", paths::EVENTS)),
            ("@ADDRESS@", server.to_string()),
            ("@HOST@", server.ip().to_string()),
            ("@PORT@", server.port().to_string()),
            ("@PATH@", paths::WEBSOCKET.to_owned()),
            ("@CONNECTIONS@", CONNECTIONS.to_string()),
            ("@OPERATIONS@", operations.to_string()),
            ("@EACH@", (operations / u64::from(CONNECTIONS)).to_string()),
            ("@MESSAGE@", String::from_utf8_lossy(&message()).into_owned()),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// CPU time per operation in µs, against a fresh server.
    fn measure(&self, technique: &str) -> Outcome<f64> {
        let server = Server::start(technique)?;
        os::pin(&[1])?;
        let folder = tempfile::tempdir()?;
        let mut command = self.command(server.address, folder.path())?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut printed = String::new();
        child.stdout.as_mut().ok_or("no output")?.read_to_string(&mut printed)?;
        let cpu_ns = cpu_ns_at_exit(&child)?;
        let status = child.wait()?;
        let made = self.counted.map_or(self.operations, |counted| counted(&printed)).unwrap_or(0);
        if !status.success() || made == 0 || self.operations.is_some_and(|must| must != made) {
            return Err(format!("it ended with {status} after {made} operations").into());
        }
        Ok(cpu_ns as f64 / 1e3 / made as f64)
    }
}

/// Prints the CPU time per operation of each client, and the ratio of ours to it by round.
fn compare(operation: &str, technique: &str, clients: &[Client], rounds: usize) -> Outcome<()> {
    // A first measurement, which does not count, shows whether a tool is installed with all that it needs.
    let works = |client: &&Client| {
        let skip = |error| println!("skipped: {}: {error}; install {}", client.name, client.install);
        client.install.is_empty() || client.measure(technique).map_err(skip).is_ok()
    };
    let mut installed: Vec<_> = clients.iter().filter(works).map(|client| (client, Vec::new())).collect();
    for _ in 0..rounds.max(1) {
        for (client, costs) in &mut installed {
            costs.push(client.measure(technique)?);
        }
    }
    println!("{operation}, {rounds} rounds: µs of CPU, and ours ÷ theirs");
    for (client, theirs) in &installed {
        let ratios = installed[0].1.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        println!("  {:12} {}   {}", client.name, spread(theirs.clone()), spread(ratios));
    }
    Ok(())
}

/// The median, the least and the most.
fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    format!("{median:7.3} ({least:.3} … {most:.3})")
}

/// CPU time of a child that has ended, with that of the processes that it waited for. The child itself is not waited for.
fn cpu_ns_at_exit(child: &Child) -> Outcome<u64> {
    waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    // Field 2 is a name in parentheses, which may hold any character. Fields 16 and 17 count hundredths of a second.
    let (_, from_third) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let ticks = from_third.split_ascii_whitespace().skip(13).take(2).map(str::parse::<u64>);
    Ok(os::process_cpu_ns(child.id())? + ticks.sum::<Result<u64, _>>()? * 10_000_000)
}

/// A `pushbench serve` on core 0, built beside this example. It ends with its input, when this is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(technique: &str) -> Outcome<Self> {
        let example = std::env::current_exe()?;
        let program = example.ancestors().nth(2).ok_or("no build folder")?.join("pushbench");
        let mut process = Command::new(&program)
            .args(["serve", technique, "--cores", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; cargo build --release builds it", program.display()))?;
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { process, address: ReadyLine::parse(&line)?.address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // An error means that it has ended.
        let _ = self.process.wait();
    }
}

/// Makes [`OPERATIONS`] operations as a trial does: one thread, a task for each subscriber.
fn run_own(kind: &str, address: SocketAddr) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut settings = Settings::default();
    (settings.subscribers.count, settings.subscribers.channels) = (CONNECTIONS, CONNECTIONS);
    settings.http.headers = HeaderProfile::Minimal;
    settings.short_polling.interval_ns = 0;
    let (settings, stop, connected) = (Arc::new(settings), CancellationToken::new(), Arc::default());
    let ended = stop.clone();
    let spec = WorkerSpec { address, trust: None, settings, seed: 1, index: 0, stop, connected };
    let worker = WorkerContext::new(spec)?;
    worker.open(0..u64::MAX);
    LocalSet::new().block_on(&runtime, async {
        match kind {
            "poll" => poll(&worker, ended).await,
            "echo" => echoes(&worker).await,
            _ => Err(format!("there is no client `{kind}`").into()),
        }
    })
}

async fn poll(worker: &Rc<WorkerContext>, stop: CancellationToken) -> Outcome<()> {
    let subscribe = |index| spawn_local(polling::short(Session::new(worker, index, 0, None)));
    let clients: Vec<_> = (0..CONNECTIONS).map(subscribe).collect();
    while worker.recorder().counters.requests < OPERATIONS {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stop.cancel();
    for client in clients {
        client.await??;
    }
    Ok(())
}

/// Each client has a channel of its own, so that a message returns to its sender only.
async fn echoes(worker: &Rc<WorkerContext>) -> Outcome<()> {
    let mut clients = JoinSet::new();
    for index in 0..CONNECTIONS {
        clients.spawn_local(echo(Session::new(worker, index, index, None)));
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(())
}

async fn echo(session: Session) -> Result<(), SubscribeError> {
    let mut socket = websocket::connect(&session).await?;
    let message = message();
    for _ in 0..OPERATIONS / u64::from(CONNECTIONS) {
        socket.send(Kind::Text, &message).await?;
        let take = |message: &[u8]| {
            session.received(message);
        };
        if !socket.read(take).await? {
            break;
        }
    }
    Ok(())
}

/// A message of 125 bytes.
fn message() -> Bytes {
    test_support::server::message(&"x".repeat(78)).freeze()
}

/// The least that a client can do: ready-made frames out, as many bytes in, by epoll and nothing else.
fn raw_echoes(address: &str) -> Outcome<()> {
    let message = message();
    // RFC 6455 §5.3: a mask of 0 leaves the bytes as they are.
    let frame = [&[0x81, 0x80 | u8::try_from(message.len())?, 0, 0, 0, 0], &message[..]].concat();
    // RFC 6455 §5.2: an unmasked frame of up to 125 bytes has a header of 2.
    let echo_len = 2 + message.len();
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut clients = Vec::new();
    for index in 0..CONNECTIONS {
        let mut stream = upgraded(address, index)?;
        stream.write_all(&frame)?;
        stream.set_nonblocking(true)?;
        epoll::add(&poll, &stream, epoll::EventData::new_u64(index.into()), epoll::EventFlags::IN)?;
        clients.push((stream, echo_len, OPERATIONS / u64::from(CONNECTIONS)));
    }
    let (mut buffer, mut running, mut events) = ([0; 64 * 1024], clients.len(), Vec::with_capacity(32));
    while running > 0 {
        epoll::wait(&poll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let (stream, bytes_left, echoes_left) = &mut clients[usize::try_from(event.data.u64())?];
            *bytes_left -= match stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                read => read?,
            };
            if *bytes_left > 0 || *echoes_left == 0 {
                continue;
            }
            *echoes_left -= 1;
            if *echoes_left == 0 {
                running -= 1;
            } else {
                *bytes_left = echo_len;
                stream.write_all(&frame)?;
            }
        }
    }
    Ok(())
}

fn upgraded(address: &str, channel: u32) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let target = format!("{}?channel={channel}&after=0", paths::WEBSOCKET);
    stream.write_all(handshake(&target, KEY).as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101") { Ok(stream) } else { Err("the upgrade was rejected".into()) }
}
