//! The contest: servers and clients as processes, in turn, and their CPU per operation.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use loadgen::os;
use protocol::ready::ReadyLine;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::scripted::{SCRIPTED, Scripted};
use super::tools::{TOOLS, Tool};
use super::{OPERATIONS, Outcome, flood};

/// How often, and after how long each time, it is looked whether a server that shall end has.
const LOOKS: u32 = 500;
const LOOK: Duration = Duration::from_millis(10);
/// In what `/proc` counts CPU time, whatever the kernel's own clock does: a hundredth of a second.
const TICK_NS: u64 = 10_000_000;

/// A client; the first of a group is ours.
struct Contestant {
    name: String,
    client: Client,
}

enum Client {
    /// This example with these arguments, the address behind them.
    Own([&'static str; 2]),
    Tool(&'static Tool),
    Scripted(&'static Scripted),
}

/// What all clients of a group are compared at.
struct Group {
    /// What is counted.
    operation: &'static str,
    operations: u64,
    server: fn() -> Outcome<Command>,
    contestants: Vec<Contestant>,
}

/// Runs all groups, prints each client's CPU per operation, and the ratios of ours to it round by round.
pub(crate) fn run(rounds: usize) -> Outcome<()> {
    if rounds == 0 {
        return Err("no rounds, no figures".into());
    }
    for group in [polls(), echoes()] {
        compare(&group, rounds)?;
    }
    for format in ["websocket", "ndjson", "sse", "raw-tcp"] {
        compare(&events(format), rounds)?;
    }
    Ok(())
}

fn polls() -> Group {
    let mut contestants = vec![Contestant::own("pushbench", ["client", "poll"])];
    contestants.extend(TOOLS.iter().filter_map(|tool| {
        Contestant::other(tool.name, tool.install, tool.is_installed(), Client::Tool(tool))
    }));
    Group {
        operation: "short-polling request",
        operations: OPERATIONS,
        server: || serve("short-polling"),
        contestants,
    }
}

fn echoes() -> Group {
    let mut contestants = vec![
        Contestant::own("pushbench", ["client", "echo"]),
        Contestant::own("raw socket", ["raw", "echo"]),
    ];
    contestants.extend(SCRIPTED.iter().filter_map(|tool| {
        Contestant::other(tool.name, tool.install, tool.is_installed(), Client::Scripted(tool))
    }));
    Group { operation: "WebSocket echo", operations: OPERATIONS, server: || serve("websocket"), contestants }
}

/// Events of a flood in this format.
fn events(format: &'static str) -> Group {
    let server: fn() -> Outcome<Command> = match format {
        "websocket" => || own(&["flood", "websocket"]),
        "ndjson" => || own(&["flood", "ndjson"]),
        "sse" => || own(&["flood", "sse"]),
        _ => || own(&["flood", "raw-tcp"]),
    };
    let contestants =
        vec![Contestant::own(format, ["client", format]), Contestant::own("raw socket", ["raw", "flood"])];
    Group { operation: "event of many in a read", operations: flood::EVENTS, server, contestants }
}

impl Contestant {
    fn own(name: &str, arguments: [&'static str; 2]) -> Self {
        Self { name: name.to_owned(), client: Client::Own(arguments) }
    }

    /// None, and it is said, where it is not installed.
    fn other(name: &str, install: &str, is_installed: bool, client: Client) -> Option<Self> {
        if !is_installed {
            println!("skipped: {name}: not installed; install {install}");
        }
        is_installed.then(|| Self { name: name.to_owned(), client })
    }
}

fn compare(group: &Group, rounds: usize) -> Outcome<()> {
    let mut costs = vec![Vec::new(); group.contestants.len()];
    for _ in 0..rounds {
        for (contestant, costs) in group.contestants.iter().zip(&mut costs) {
            costs.push(measure(group, contestant)?);
        }
    }
    println!("{}, {rounds} rounds: µs of CPU, and ours ÷ theirs", group.operation);
    for (contestant, theirs) in group.contestants.iter().zip(&costs) {
        let ratios = costs[0].iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        println!("  {:12} {}   {}", contestant.name, spread(theirs.clone()), spread(ratios));
    }
    Ok(())
}

/// The median, and the least and the most.
fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    format!("{median:7.3} ({least:.3} … {most:.3})")
}

/// CPU per operation in µs, of one client and what it starts, against a fresh server.
fn measure(group: &Group, contestant: &Contestant) -> Outcome<f64> {
    os::pin(&[0])?;
    let server = Server::start((group.server)()?)?;
    os::pin(&[1])?;
    let folder = tempfile::tempdir()?;
    let mut command = match contestant.client {
        Client::Own(arguments) => {
            let mut command = own(&arguments)?;
            command.arg(&server.address);
            command
        }
        Client::Tool(tool) => {
            tool.command(&format!("http://{}{}?channel=0&after=0", server.address, protocol::paths::EVENTS))
        }
        Client::Scripted(tool) => tool.run(&server.address, folder.path())?,
    };
    let mut client = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut printed = String::new();
    if let Some(mut output) = client.stdout.take() {
        output.read_to_string(&mut printed)?;
    }
    let cpu_ns = cpu_ns_at_its_end(&client)?;
    let status = client.wait()?;
    if !status.success() {
        return Err(format!("{} ended with {status}", contestant.name).into());
    }
    let operations = match contestant.client {
        Client::Tool(tool) => (tool.requests)(&printed).unwrap_or(group.operations),
        Client::Scripted(tool) => tool.echoes(&printed)?,
        Client::Own(_) => group.operations,
    };
    Ok(cpu_ns as f64 / 1e3 / operations as f64)
}

/// CPU time of a child when it has ended, all its threads and what it started and waited for together. It is still to be
/// waited for itself.
fn cpu_ns_at_its_end(child: &Child) -> Outcome<u64> {
    let pid = Pid::from_child(child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    Ok(os::process_cpu_ns(child.id())? + waited_for_cpu_ns(child.id())?)
}

/// CPU time of the processes that process `pid` waited for, and of those that they waited for.
fn waited_for_cpu_ns(pid: u32) -> Outcome<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name, the second field, stands in parentheses and may hold any character; these are fields 16 and 17.
    let (_, from_third) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let ticks = from_third.split_ascii_whitespace().skip(13).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? * TICK_NS)
}

fn own(arguments: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// `pushbench serve`, built beside this example.
fn serve(technique: &str) -> Outcome<Command> {
    let mut command = Command::new(program()?);
    command.args(["serve", technique, "--cores", "0", "--uplink", "channel"]);
    Ok(command)
}

fn program() -> Outcome<PathBuf> {
    let examples = std::env::current_exe()?;
    let path =
        examples.parent().and_then(|examples| examples.parent()).ok_or("no build folder")?.join("pushbench");
    if path.exists() { Ok(path) } else { Err("build the program first: cargo build --release".into()) }
}

/// A server process; it ends when this is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts it, and waits for the line that says where it listens.
    fn start(mut command: Command) -> Outcome<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let read = match process.stdout.take() {
            Some(output) => BufReader::new(output).read_line(&mut line),
            None => Ok(0),
        };
        let mut server = Self { process, address: String::new() };
        read?;
        server.address = match ReadyLine::parse(&line) {
            Ok(ready) => ready.address.to_string(),
            Err(_) => line.trim().to_owned(),
        };
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is the stop of `pushbench serve`; a flood ends with its clients.
        drop(self.process.stdin.take());
        for _ in 0..LOOKS {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        eprintln!("warning: the server did not end, and is killed");
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("warning: kill the server: {error}");
        }
    }
}
