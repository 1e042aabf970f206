//! The command line: what can be asked for, with its units. What is done about it stands in `commands`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use model::quantity::{QuantityError, duration_ns, rate_per_s, size_bytes};
use model::settings::THROUGH;
use server_kit::settings::LagPolicy;

use crate::registry;

const EXIT_CODES: &str = "\
Exit codes:
  0    all well
  1    a trial failed or lost events, or a check of `verify` or a browser failed
       (events lost in a search for a capacity, at shares of it, or behind a proxy are a result and no fault)
  2    wrong usage, or something could not be set up
  3    `pushbench compare`: a condition of --fail-if holds
  130  interrupted; what was measured is kept, and `pushbench run --resume` goes on

Results go to standard output, progress to standard error. NO_COLOR is honoured.";

/// Which way of getting events from a server to a web client costs what?
#[derive(Debug, Parser)]
#[command(name = "pushbench", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the techniques and the scenarios
    List(List),
    /// Run scenarios against techniques, keep the results, and write the report
    Run(Run),
    /// Show one live feed by every web technique side by side, in a browser
    Demo(Demo),
    /// Serve one technique until standard input ends
    Serve(Serve),
    /// Be the load generator of one trial: a TrialSpec (one line of JSON) on standard input, the outcome on standard output
    Load,
    /// Run a part of the subscribers of one trial: commands on standard input, results on standard output, lines of JSON
    #[command(hide = true)]
    LoadWorker,
    /// Remake the report from stored results
    Report(Report),
    /// Compare two runs, two folders of runs, or two builds: better, worse, or cannot tell
    Compare(Compare),
    /// Rank the techniques for a situation of your own: bytes, cores, memory, latency
    Advise(Advise),
    /// Print a figure ready to paste: text, BibTeX, Markdown badge
    Cite(Cite),
    /// See what browsers do: how WebSockets end in them by every close code, their clocks, limits, timers and headers
    BrowserProbe(BrowserProbe),
    /// Write a target file, or check one: a server that somebody else wrote
    #[command(subcommand)]
    Target(TargetCommand),
    /// Run everything tiny in real processes, and check counts and files; no times
    Verify,
    /// Print a shell's completions
    #[command(
        after_help = "Example: pushbench completions bash > ~/.local/share/bash-completion/completions/pushbench"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Echo one TCP connection: the far end of the socket ping
    #[command(hide = true)]
    SocketPingEcho(Cores),
    /// Compute until standard input ends: beside it, a server on the same core has half of it
    #[command(hide = true)]
    CpuContention(Cores),
    /// Ping the echo at an address: the near end of the socket ping
    #[command(hide = true)]
    SocketPing(SocketPing),
    /// Answer one exchange that was printed somewhere: the far end of a replay
    #[command(hide = true)]
    ReplayAnswer,
    /// Run a target until standard input ends: one line of JSON with its address as soon as it is ready
    #[command(hide = true)]
    SuperviseTarget(SuperviseTarget),
    /// Become a target's program, and end with the process that started it
    #[command(hide = true)]
    ExecTarget(ExecTarget),
    /// Run one trial in a network namespace of its own: one line of JSON on standard input, one on standard output
    #[command(hide = true)]
    ObservedTrial(ObservedTrial),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only the techniques' slugs, one a line
    #[arg(long, conflicts_with = "scenarios")]
    pub(crate) techniques: bool,
    /// Only the scenarios' names, one a line
    #[arg(long)]
    pub(crate) scenarios: bool,
    /// The JSON Schema of a trial's record, as trials.jsonl.gz has one a line
    #[arg(long, conflicts_with_all = ["techniques", "scenarios"])]
    pub(crate) schema: bool,
}

#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  pushbench run                                             every scenario of the default set
  pushbench run --budget 10m                                the main questions first, as precise as ten minutes allow
  pushbench run --quick                                     the same in 90 s, too short to cite
  pushbench run --capacity                                  the scenarios that look for limits
  pushbench run --scenario chat --repetitions 10            one question, more trials
  pushbench run --scenario my/own.toml --technique websocket --technique raw-tcp --seed 7
  pushbench run --scenario chat --client chromium,native    the same question to a page in a browser
  pushbench run --scenario notifications --target nchan     a server that somebody else wrote beside our own
  pushbench run --scenario notifications --target my-server.toml --only-targets     yours alone, with a report next to its file
  pushbench run --resume                                    go on with the newest run that was interrupted

A scenario gives its own times, with units: window = \"2s\", rate = \"100/s\", payload = \"16 KiB\".
Exit codes: 0 all well, 1 a trial failed or lost events, 2 usage or set-up, 130 interrupted.")]
pub(crate) struct Run {
    /// How long the run may take: 90s, 10m, 8h. What fits of the default set is repeated in blocks, most often what is known least.
    /// From one hour on, trials have their full length
    #[arg(long, value_name = "TIME", value_parser = budget, allow_hyphen_values = true, conflicts_with_all = ["repetitions", "quick", "capacity"])]
    pub(crate) budget: Option<u64>,
    /// Run each technique twice in each block, and print how often it seems to differ from itself [default budget: 10m]
    #[arg(long, conflicts_with_all = ["repetitions", "quick", "capacity", "clients", "targets", "only_targets"])]
    pub(crate) self_check: bool,
    /// The same as --budget 90s. With scenarios or repetitions: shorter and fewer trials, as the table `quick` of each scenario says
    #[arg(long)]
    pub(crate) quick: bool,
    /// The scenarios that look for limits: capacity, overload, connections. The start of the run prints the expected time.
    /// `pushbench report RUN_DIR RUN_DIR` makes a report of several runs
    #[arg(long, conflicts_with = "scenarios")]
    pub(crate) capacity: bool,
    /// A scenario's name, or the path of a file; may be repeated [default: the default set, or that of --capacity]
    #[arg(long = "scenario", value_name = "NAME|PATH")]
    pub(crate) scenarios: Vec<String>,
    /// A technique's slug; may be repeated [default: all]
    #[arg(long = "technique", value_name = "SLUG", value_parser = PossibleValuesParser::new(registry::slugs()))]
    pub(crate) techniques: Vec<String>,
    /// Who subscribes; several are compared with each other, by at most four subscribers each if there is a browser among
    /// them [default: what the scenario says]
    #[arg(long = "client", value_enum, value_name = "CLIENT", value_delimiter = ',')]
    pub(crate) clients: Vec<Client>,
    /// A server that somebody else wrote: the name of a file in targets, or the path of one; may be repeated. It takes part
    /// in all scenarios as far as it can, and all servers are then published to by POST
    #[arg(long = "target", value_name = "NAME|PATH")]
    pub(crate) targets: Vec<String>,
    /// Leave out pushbench's own servers
    #[arg(long)]
    pub(crate) only_targets: bool,
    /// How often each trial is repeated [default: what the scenario says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repetitions: Option<u32>,
    /// Decides the order of the techniques, send times and payloads [default: a new one, which is recorded]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Go on with an interrupted run: the one in DIR, or the newest
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["budget", "self_check", "quick", "capacity", "scenarios", "techniques", "clients", "targets", "only_targets", "repetitions", "seed"])]
    pub(crate) resume: Option<Option<PathBuf>>,
    /// Where run folders are kept [default: results, beside the folder of the scenarios]
    #[arg(long, value_name = "DIR")]
    pub(crate) results: Option<PathBuf>,
    /// How often a trial is repeated during which the machine did something else [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) repeat_disturbed: Option<u32>,
    /// Leave a file for each trial in the run's folder, instead of packing them when the run has ended
    #[arg(long)]
    pub(crate) keep_trials: bool,
    /// Keep the results and leave REPORT.md as it is
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Where browsers take part, leave out the browser probe that otherwise follows the trials (`pushbench browser-probe`)
    #[arg(long)]
    pub(crate) no_browser_probe: bool,
    /// The program that is started as `PROGRAM serve …`, for tests of servers that fail
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) server_program: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Prints the page's address, and serves until Ctrl-C, or until its standard input ends. The page asks no other machine for
anything. Only this machine can see it: with another address, such as 0.0.0.0:8080, everybody who reaches that can see it
and move its controls.")]
pub(crate) struct Demo {
    /// Address and port of the page; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Prints one line of JSON with the address as soon as it listens. It stops when its standard input ends, so it never
outlives its parent. To keep it by hand:  sleep infinity | pushbench serve websocket --listen 127.0.0.1:4000

For Engine.IO's and Socket.IO's official protocol test suites, which look for their server there:
  sleep infinity | pushbench serve socketio --application protocol-tests --listen 127.0.0.1:3000")]
pub(crate) struct Serve {
    /// The technique's slug
    #[arg(value_name = "SLUG", value_parser = PossibleValuesParser::new(registry::slugs()))]
    pub(crate) technique: String,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// What is served by the technique
    #[arg(long, value_enum, default_value = "events")]
    pub(crate) application: Application,
    /// Path of the Unix socket by which events are handed over; left out, only subscribers send
    #[arg(long, value_name = "PATH")]
    pub(crate) feed: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cores: Cores,
    /// A key of a scenario and its value, such as transport.tls=true; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// All settings of a trial, as its record has them
    #[arg(long, value_name = "JSON", hide = true, conflicts_with = "set")]
    pub(crate) settings: Option<String>,
    /// What becomes of a subscriber that is slower than the retained events last
    #[arg(long, value_enum, default_value = "disconnect")]
    pub(crate) lag: Lag,
    /// Take up where another server ended: listen only when the application has given its whole log by the feed
    #[arg(long, requires = "feed")]
    pub(crate) after_feed: bool,
    /// The certificate, PEM, with its chain if it has one [default: one for localhost, made at start]
    #[arg(long, value_name = "PATH", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "PATH", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// Make every TLS handshake a full one: send no session tickets
    #[arg(long)]
    pub(crate) no_resumption: bool,
}

/// Which cores a process keeps to.
#[derive(Debug, Args)]
pub(crate) struct Cores {
    /// Cores to keep to, such as 0,1 [default: any]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) cores: Vec<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Run folders [default: all under results]
    #[arg(value_name = "RUN_DIR")]
    pub(crate) runs: Vec<PathBuf>,
    /// The report [default: REPORT.md beside the results folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Also write all charts, figures and a chooser as one HTML file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pushbench compare results/A results/B                     two runs, or two folders that hold runs
  pushbench compare base new --fail-if 'p99 > +10 %' --fail-if 'bytes > +1 %' --markdown
  pushbench compare --builds target/base/pushbench target/release/pushbench --scenario stock-ticker

Runs in turns (old, new, old, new …) share their moments and are compared pair by pair, which is what --builds does. By hand:
  for i in 1 2 3 4 5 6; do
    old/pushbench run --scenario chat --repetitions 1 --seed $i --no-report --results old-runs
    new/pushbench run --scenario chat --repetitions 1 --seed $i --no-report --results new-runs
  done; pushbench compare old-runs new-runs
Exit codes: 0 all well, 2 usage or set-up, 3 a condition of --fail-if holds.")]
pub(crate) struct Compare {
    /// The old side: a run's folder, or one that holds runs; with --builds, a program
    pub(crate) old: PathBuf,
    /// The new side, likewise
    pub(crate) new: PathBuf,
    /// The two are pushbench programs: run both in turns, and compare
    #[arg(long)]
    pub(crate) builds: bool,
    /// With --builds: a scenario's name; may be repeated
    #[arg(long = "scenario", value_name = "NAME", default_value = "stock-ticker", requires = "builds")]
    pub(crate) scenarios: Vec<String>,
    /// With --builds: a technique's slug; may be repeated [default: all]
    #[arg(long = "technique", value_name = "SLUG", requires = "builds")]
    pub(crate) techniques: Vec<String>,
    /// With --builds: how often both are run
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(2..=100), requires = "builds")]
    pub(crate) pairs: u32,
    /// With --builds: where their runs are kept
    #[arg(long, value_name = "DIR", default_value = "compare", requires = "builds")]
    pub(crate) out: PathBuf,
    /// Exit with 3 when a metric surely changed by more than so much, at a point or over all: 'p99 > +10 %' when it grew by more
    /// than a tenth, 'capacity < -5 %' when it shrank by more than a twentieth; may be repeated
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<report::compare::Condition>,
    /// Print Markdown, for a pull request
    #[arg(long)]
    pub(crate) markdown: bool,
    /// List all points, also those without a verdict
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  pushbench advise --subscribers 5000 --rate 0.2/s --payload 300B --within 250ms --browser --tls

Evaluates results/model.json, which `pushbench report` makes, or outside a project the copy that this program was built with.
Bytes are those over HTTP/1.1 without compression; CPU and latency are those of the machine that was measured.")]
pub(crate) struct Advise {
    /// How many clients are connected
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 1, required_unless_present_any = ["situations", "check"])]
    pub(crate) subscribers: u32,
    /// Events that each of them receives, such as 0.2/s or 12/min
    #[arg(long, value_name = "RATE", value_parser = above_zero(rate_per_s), allow_hyphen_values = true, default_value = "1/s", required_unless_present_any = ["situations", "check"])]
    pub(crate) rate: f64,
    /// Bytes of an event
    #[arg(long, value_name = "SIZE", value_parser = above_zero(size_bytes), allow_hyphen_values = true, default_value = "100 B")]
    pub(crate) payload: u32,
    /// 99 of 100 events must be there within this time
    #[arg(long, value_name = "TIME", value_parser = above_zero(duration_ns), allow_hyphen_values = true, default_value = "250ms")]
    pub(crate) within: u64,
    /// Messages that each client sends to the application, such as 1/s
    #[arg(long, value_name = "RATE", value_parser = above_zero(rate_per_s), allow_hyphen_values = true)]
    pub(crate) two_way: Option<f64>,
    /// Channels: 1 sends the same events to all, as many as clients sends each its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 1)]
    pub(crate) channels: u32,
    /// There and back between client and server
    #[arg(long, value_name = "TIME", value_parser = duration_ns, allow_hyphen_values = true, default_value = "0ms")]
    pub(crate) round_trip: u64,
    /// A proxy is between, with its package's own settings or, as nginx-fixed, with those that pass events on
    #[arg(long, value_name = "PROXY", value_parser = PossibleValuesParser::new(&THROUGH[1..]))]
    pub(crate) behind: Option<String>,
    /// The clients are browsers, with the request headers of one
    #[arg(long)]
    pub(crate) browser: bool,
    /// Everything goes over TLS
    #[arg(long)]
    pub(crate) tls: bool,
    #[command(flatten)]
    pub(crate) prices: Prices,
    /// The model [default: results/model.json, or the built-in copy]
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the situation as a scenario, to measure it
    #[arg(long, value_name = "FILE")]
    pub(crate) write_scenario: Option<PathBuf>,
    /// Write so many random situations as scenarios into the folder of --write-scenario, to be measured and checked
    #[arg(long, value_name = "N", requires = "write_scenario", hide = true)]
    pub(crate) situations: Option<u32>,
    /// Decides the random situations
    #[arg(long, value_name = "N", default_value_t = 1, hide = true)]
    pub(crate) seed: u64,
    /// Compare the model with these runs, which it has not seen
    #[arg(long, value_name = "RUN_DIR", num_args = 1.., hide = true)]
    pub(crate) check: Vec<PathBuf>,
}

/// What work is worth. Techniques are ranked by cost, and costs are shown as ratios.
#[derive(Debug, Args)]
pub(crate) struct Prices {
    /// US dollars for a core and an hour
    #[arg(long, value_name = "PRICE", value_parser = price, allow_hyphen_values = true, default_value_t = report::cost_model::Prices::LIST.vcpu_hour)]
    pub(crate) price_core: f64,
    /// US dollars for a GiB of memory and an hour
    #[arg(long, value_name = "PRICE", value_parser = price, allow_hyphen_values = true, default_value_t = report::cost_model::Prices::LIST.gib_hour)]
    pub(crate) price_memory: f64,
    /// US dollars for 10⁹ bytes over the network
    #[arg(long, value_name = "PRICE", value_parser = price, allow_hyphen_values = true, default_value_t = report::cost_model::Prices::LIST.gb)]
    pub(crate) price_traffic: f64,
}

impl Prices {
    /// Takes them for all figures of this process.
    /// Fails when all are 0: then nothing costs anything, and no cost can be divided by another.
    pub(crate) fn set(&self) -> anyhow::Result<()> {
        let all = [self.price_core, self.price_memory, self.price_traffic];
        anyhow::ensure!(all != [0.0; 3], "all prices are 0: one must be above 0, such as --price-core 0.04");
        let prices = report::cost_model::Prices {
            vcpu_hour: self.price_core,
            gib_hour: self.price_memory,
            gb: self.price_traffic,
        };
        report::cost_model::set_prices(prices);
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pushbench cite chat/websocket/cpu/raw-tcp                 a ratio
  pushbench cite 'bytes-against-rate[events.rate=10/s]/websocket/bytes'")]
pub(crate) struct Cite {
    /// scenario/technique/metric, or scenario/technique/metric/other-technique for a ratio
    #[arg(value_name = "FIGURE")]
    pub(crate) figure: String,
    /// Run folders [default: all under results]
    #[arg(long, value_name = "RUN_DIR", num_args = 1..)]
    pub(crate) runs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) prices: Prices,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TargetCommand {
    /// Write a commented target file
    New {
        /// The file; its name is the target's
        #[arg(value_name = "FILE", default_value = "my-server.toml")]
        file: PathBuf,
    },
    /// Start the server, connect one subscriber by each technique, publish three events, and show what came
    #[command(after_help = "Exit codes: 0 every technique works, 1 one does not, 2 usage or set-up.")]
    Check {
        /// The name of a file in targets, or the path of one
        #[arg(value_name = "NAME|PATH")]
        target: String,
        /// A technique's slug; may be repeated [default: all that the file has]
        #[arg(long = "technique", value_name = "SLUG")]
        techniques: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SuperviseTarget {
    /// The target's file
    #[arg(long)]
    pub(crate) file: PathBuf,
    /// The technique that the ready line names
    #[arg(long)]
    pub(crate) technique: String,
    /// A folder to be made for its configuration
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The server behind it, if the file is a proxy's
    #[arg(long, requires = "variant")]
    pub(crate) upstream: Option<SocketAddr>,
    /// Which of the proxy's configurations
    #[arg(long)]
    pub(crate) variant: Option<String>,
    #[command(flatten)]
    pub(crate) cores: Cores,
}

#[derive(Debug, Args)]
pub(crate) struct ExecTarget {
    /// The folder that it runs in
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// Program and arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SocketPing {
    /// Where the echo listens
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// How many pings
    #[arg(long)]
    pub(crate) pings: u32,
    #[command(flatten)]
    pub(crate) cores: Cores,
}

#[derive(Debug, Args)]
pub(crate) struct ObservedTrial {
    /// Only try whether a namespace can be made
    #[arg(long)]
    pub(crate) probe: bool,
}

/// A time of at least half a minute, in ns; `m` stands for minutes as well.
fn budget(text: &str) -> Result<u64, String> {
    let minutes = text.strip_suffix('m').map(|number| format!("{number}min"));
    match duration_ns(minutes.as_deref().unwrap_or(text)) {
        Ok(ns @ 30_000_000_000..) => Ok(ns),
        Ok(_) | Err(QuantityError::OutOfRange { .. }) => {
            Err("a budget is at least 30s and at most 24h".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// A quantity that is not zero.
fn above_zero<T: Default + PartialOrd>(
    parse: fn(&str) -> Result<T, QuantityError>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| match parse(text) {
        Ok(value) if value > T::default() => Ok(value),
        Ok(_) => Err("it must be above 0".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// US dollars.
fn price(text: &str) -> Result<f64, String> {
    let price = text.parse().ok().filter(|price: &f64| price.is_finite() && *price >= 0.0);
    price.ok_or_else(|| "a price is a number that is not below 0, such as 0.04".to_owned())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err("write KEY=VALUE, such as transport.tls=true".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// pushbench's own load generator
    Native,
    /// A page in Chromium
    Chromium,
    /// A page in Firefox
    Firefox,
}

impl From<Client> for model::settings::Client {
    fn from(client: Client) -> Self {
        match client {
            Client::Native => Self::Native,
            Client::Chromium => Self::Chromium,
            Client::Firefox => Self::Firefox,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Lag {
    /// It gets the number of events that it missed, and is closed
    Disconnect,
    /// It goes on at the oldest event that is left; the server says at its end how many were skipped
    Skip,
}

impl From<Lag> for LagPolicy {
    fn from(lag: Lag) -> Self {
        match lag {
            Lag::Disconnect => Self::Disconnect,
            Lag::Skip => Self::Skip,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Application {
    /// What is published by the feed or by subscribers
    Events,
    /// socketio: what the official protocol test suites of Engine.IO and Socket.IO expect, at /engine.io/ and /socket.io/
    ProtocolTests,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A run with a sweep over `client` does this by itself, and keeps it in its folder.
Exit codes: 0 all well, 1 a client failed, 2 usage or set-up.")]
pub(crate) struct BrowserProbe {
    /// A client; may be repeated [default: native, and the browsers that are here]
    #[arg(long = "client", value_enum, value_name = "CLIENT", value_delimiter = ',')]
    pub(crate) clients: Vec<Client>,
    /// Where close-cases.json and browsers/CLIENT.json are written
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}
