//! The contest: servers and clients as processes, in turn, and their CPU per operation.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use loadgen::os;
use wire::ready::ReadyLine;

use super::client::{CONNECTIONS, OPERATIONS};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The kernel's tick, in which it tells the CPU time of a child that has ended: 10 ms of about a second.
const TICK_NS: u64 = 10_000_000;

struct Contestant {
    name: &'static str,
    technique: &'static str,
    command: fn(address: &str) -> Command,
}

const POLLING: [Contestant; 2] = [
    Contestant {
        name: "pushbench, a short-polling request",
        technique: "short-polling",
        command: |to| own("poll", to),
    },
    Contestant { name: "oha, a request", technique: "short-polling", command: oha },
];

const ECHO: [Contestant; 2] = [
    Contestant {
        name: "pushbench, a WebSocket echo",
        technique: "websocket",
        command: |to| own("websocket", to),
    },
    Contestant { name: "raw socket, a WebSocket echo", technique: "websocket", command: |to| own("raw", to) },
];

/// Runs both pairs, prints each client's CPU per operation and the ratio round by round.
pub(crate) fn run(rounds: usize) -> Outcome<()> {
    if Command::new("oha").arg("--version").stdout(Stdio::null()).status().is_ok() {
        compare(&POLLING, rounds)?;
    } else {
        println!("skipped: polling against oha, which is not installed (cargo install oha --locked)");
    }
    compare(&ECHO, rounds)
}

fn compare(pair: &[Contestant; 2], rounds: usize) -> Outcome<()> {
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (contestant, costs) in pair.iter().zip(&mut costs) {
            costs.push(measure(contestant)?);
        }
    }
    let ratios = costs[0].iter().zip(&costs[1]).map(|(ours, theirs)| ours / theirs).collect();
    for (contestant, costs) in pair.iter().zip(costs) {
        show(contestant.name, "µs of CPU", costs);
    }
    show("ratio, round by round", "×", ratios);
    Ok(())
}

fn show(name: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    println!("{name:36} median {median:6.2} {unit}   ({least:.2} … {most:.2}, {} rounds)", values.len());
}

/// CPU per operation in µs, of one client process against a fresh server.
fn measure(contestant: &Contestant) -> Outcome<f64> {
    let server = Server::start(contestant.technique)?;
    os::pin(&[1])?;
    let before = children_cpu_ns()?;
    let status = (contestant.command)(&server.address).stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("{} ended with {status}", contestant.name).into());
    }
    Ok((children_cpu_ns()? - before) as f64 / 1e3 / OPERATIONS as f64)
}

/// CPU time of this process's children that have ended and been waited for, user and system.
fn children_cpu_ns() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit_once(')').ok_or("a stat line without a name")?.1;
    let ticks = fields.split_ascii_whitespace().skip(13).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? * TICK_NS)
}

fn own(kind: &str, address: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["client", kind, address]);
    command
}

fn oha(address: &str) -> Command {
    let mut command = Command::new("oha");
    command.args(["--no-tui", "-c", &CONNECTIONS.to_string(), "-n", &OPERATIONS.to_string()]);
    command.arg(format!("http://{address}{}?channel=0&after=0", wire::paths::EVENTS));
    command
}

/// A server process; it ends when this is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(technique: &str) -> Outcome<Self> {
        let mut process = Command::new(program()?)
            .args(["serve", technique, "--cores", "0", "--uplink", "channel"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
        let address = ReadyLine::parse(&line)?.address.to_string();
        Ok(Self { process, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is its stop.
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("warning: wait for the server: {error}");
        }
    }
}

/// `pushbench`, built beside this example.
fn program() -> Outcome<PathBuf> {
    let examples = std::env::current_exe()?;
    let path =
        examples.parent().and_then(|examples| examples.parent()).ok_or("no build folder")?.join("pushbench");
    if path.exists() { Ok(path) } else { Err("build the program first: cargo build --release".into()) }
}
