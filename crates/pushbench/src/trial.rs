//! One trial: a fresh server process, a fresh load process, and what came of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schema::settings::{
    Compression, EmptyAnswer, Frames, HttpVersion, Publisher, Settings, Transport, UplinkTo,
};
use schema::trial::{Failure, Observed, Side, TrialOutcome, TrialSpec};
use serde::{Deserialize, Serialize};
use wire::ready::ReadyLine;

use crate::host::Pinning;
use crate::plan::Trial;
use crate::processes::{Ending, Process, ProcessError};
use crate::target::{Foreign, keeper};
use crate::{namespace, pages};

/// How long a server may take until it listens.
const READY: Duration = Duration::from_secs(10);
/// What the load generator may take beyond the phases: 30 s to connect, and time to close.
const MARGIN: Duration = Duration::from_secs(60);
/// The same for a browser, on top: 30 s to start, and time to hand over what its page found.
const BROWSER_MARGIN: Duration = Duration::from_secs(90);
/// Events that a channel retains: some seconds of a busy one, so that a subscriber that is merely slow gets them late
/// and is not cut off.
const REPLAY_EVENTS: u32 = 65_536;

/// What all trials of a run share.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    /// The program whose `serve` is started.
    pub(crate) server_program: PathBuf,
    /// The program whose `load` is started.
    pub(crate) load_program: PathBuf,
    /// Which cores each side gets.
    pub(crate) pinning: Pinning,
    /// A folder for the feeds' sockets and the targets' configurations.
    pub(crate) sockets: PathBuf,
    /// Servers that somebody else wrote. None of them takes part in an observed trial.
    #[serde(skip)]
    pub(crate) targets: Vec<Foreign>,
}

/// A trial that ran to its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ran {
    /// What the load generator found.
    pub(crate) outcome: TrialOutcome,
    /// Something worth telling that is no failure.
    pub(crate) note: Option<String>,
    /// What the kernel counted of an observed trial.
    pub(crate) observed: Option<Observed>,
}

impl Stage {
    /// Runs one trial, in a network namespace of its own if it is to be observed. When the returned future is dropped, all
    /// its processes end.
    ///
    /// # Errors
    ///
    /// Which side failed, and why.
    pub(crate) async fn run(&self, trial: &Trial<'_>) -> Result<Ran, Failure> {
        if trial.point.settings.observed {
            namespace::observe(self, trial).await
        } else {
            self.run_here(trial).await
        }
    }

    /// Runs one trial in the network that this process is in. When the returned future is dropped, both processes are
    /// killed.
    ///
    /// # Errors
    ///
    /// Which side failed, and why.
    pub(crate) async fn run_here(&self, trial: &Trial<'_>) -> Result<Ran, Failure> {
        let feed = self.sockets.join(format!("feed-{}.sock", trial.index));
        let (mut server, ready) =
            self.start_server(trial, &feed).await.map_err(|reason| on(Side::Server, &reason))?;
        let spec = self.spec(trial, &ready, &feed);
        let outcome = tokio::select! {
            // A dead server makes the load generator fail, too; the cause is looked at first.
            biased;
            death = server.died() => Err(on(Side::Server, &death)),
            outcome = self.load(&spec) => outcome,
        };
        let note = note(&server.end().await);
        // It was made by the server, which may have been killed; the next trial has one of its own.
        let _ = std::fs::remove_file(&feed);
        match outcome {
            Ok(outcome) => Ok(Ran { outcome, note, observed: None }),
            Err(failure) => Err(noted(failure, note)),
        }
    }

    /// The server that somebody else wrote and that this trial is about, if it is about one.
    fn foreign(&self, trial: &Trial<'_>) -> Option<&Foreign> {
        let name = trial.planned.target.as_ref()?;
        self.targets.iter().find(|foreign| foreign.target.name == *name)
    }

    async fn start_server(&self, trial: &Trial<'_>, feed: &Path) -> Result<(Process, ReadyLine), String> {
        let technique = &trial.planned.technique;
        let (started, limit) = match (self.foreign(trial), &trial.planned.target) {
            (Some(foreign), _) => (self.start_foreign(foreign, trial), ready_limit(foreign)),
            (None, Some(name)) => return Err(format!("the target {name} is not there")),
            (None, None) => (self.start_own(trial, feed), READY),
        };
        let mut server = started.map_err(|error| error.to_string())?;
        let line = server.line(limit).await.map_err(|error| error.to_string())?;
        let ready = ReadyLine::parse(&line)
            .map_err(|error| format!("the server's first line is not its ready line: {line:?} ({error})"))?;
        if ready.technique != *technique {
            return Err(format!("the server serves {} and not {technique}", ready.technique));
        }
        match (trial.point.settings.transport.tls, &ready.certificate) {
            (true, None) => return Err("the server shows no certificate, and TLS was asked for".to_owned()),
            (false, Some(_)) => return Err("the server speaks TLS, and was not asked to".to_owned()),
            (true, Some(_)) | (false, None) => {}
        }
        Ok((server, ready))
    }

    fn start_own(&self, trial: &Trial<'_>, feed: &Path) -> Result<Process, ProcessError> {
        let (technique, settings) = (&trial.planned.technique, &trial.point.settings);
        let arguments = server_arguments(technique, settings, feed, &self.pinning.server);
        Process::start("server", &self.server_program, arguments)
    }

    fn start_foreign(&self, foreign: &Foreign, trial: &Trial<'_>) -> Result<Process, ProcessError> {
        let dir = self.sockets.join(format!("target-{}", trial.index));
        let arguments = keeper::arguments(foreign, &trial.planned.technique, &dir, &self.pinning.server);
        // Its keeper is a sub-command of ours, whatever is tried out as a server.
        Process::start_keeper("server", &self.load_program, arguments)
    }

    async fn load(&self, spec: &TrialSpec) -> Result<TrialOutcome, Failure> {
        let failed = |error: ProcessError| on(Side::Load, &error);
        let mut load = Process::start("load generator", &self.load_program, ["load"]).map_err(failed)?;
        let line = serde_json::to_string(spec).map_err(|error| on(Side::Supervisor, &error))?;
        load.tell(&line).await.map_err(failed)?;
        let text = load.outcome(limit(&spec.settings)).await.map_err(failed)?;
        serde_json::from_str(&text)
            .map_err(|error| on(Side::Load, &format!("the load generator's outcome cannot be read: {error}")))
    }

    fn spec(&self, trial: &Trial<'_>, ready: &ReadyLine, feed: &Path) -> TrialSpec {
        let foreign = self.foreign(trial);
        TrialSpec {
            technique: trial.planned.technique.clone(),
            address: ready.address,
            certificate: ready.certificate.clone(),
            feed: is_fed(&trial.point.settings).then(|| feed.display().to_string()),
            server_pid: foreign.is_none_or(Foreign::is_started).then_some(ready.pid),
            target: foreign.and_then(|foreign| foreign.spec(&trial.planned.technique, trial.planned.seed)),
            load_cores: self.pinning.load.clone(),
            server_cores: self.pinning.server.clone(),
            settings: trial.point.settings.clone(),
            seed: trial.planned.seed,
        }
    }
}

/// What a target may take to be there, and its keeper to say why it is not.
fn ready_limit(foreign: &Foreign) -> Duration {
    Duration::from_nanos(foreign.target.ready.within_ns) + READY
}

/// How long a trial with these settings may take.
pub(crate) fn limit(settings: &Settings) -> Duration {
    let phases = &settings.phases;
    let browser = pages::browser_of(settings.client).map_or(Duration::ZERO, |_| BROWSER_MARGIN);
    Duration::from_nanos(phases.warm_up_ns + phases.window_ns + phases.drain_ns) + MARGIN + browser
}

/// What is worth telling of a server's end.
fn note(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Orderly(said) => said.words().map(|words| format!("the server said: {words}")),
        Ending::Killed(said) => {
            Some(format!("the server did not end when it was asked to, and was killed{said}"))
        }
    }
}

/// The failure with what the server had to say, which may be its cause.
fn noted(failure: Failure, note: Option<String>) -> Failure {
    match (failure.side, note) {
        // Its death is told with its last words already.
        (Side::Server, _) | (_, None) => failure,
        (side, Some(note)) => Failure { side, reason: format!("{}; {note}", failure.reason) },
    }
}

fn on(side: Side, reason: &impl ToString) -> Failure {
    Failure { side, reason: reason.to_string() }
}

/// Whether events come to the server by its feed.
fn is_fed(settings: &Settings) -> bool {
    settings.publisher == Publisher::Feed
}

/// The settings as `pushbench serve` takes them.
fn server_arguments(technique: &str, settings: &Settings, feed: &Path, cores: &[u32]) -> Vec<String> {
    let empty = match settings.short_polling.empty {
        EmptyAnswer::NoContent => "no-content",
        EmptyAnswer::NotModified => "not-modified",
    };
    let frames = match settings.websocket.frames {
        Frames::Text => "text",
        Frames::Binary => "binary",
    };
    let uplink = match settings.uplink.as_ref().map(|uplink| uplink.to) {
        Some(UplinkTo::Application) => "application",
        Some(UplinkTo::Channel) | None => "channel",
    };
    let hold = format!("{}ns", settings.long_polling.hold_ns);
    let mut arguments: Vec<String> =
        ["serve", technique, "--listen", "127.0.0.1:0"].map(str::to_owned).into();
    if is_fed(settings) {
        arguments.extend(["--feed".to_owned(), feed.display().to_string()]);
    }
    for (name, value) in [("--empty", empty), ("--frames", frames), ("--uplink", uplink), ("--hold", &hold)] {
        arguments.extend([name.to_owned(), value.to_owned()]);
    }
    arguments.extend(["--replay".to_owned(), REPLAY_EVENTS.to_string()]);
    if settings.greeting {
        arguments.push("--greeting".to_owned());
    }
    if pages::browser_of(settings.client).is_some() {
        arguments.push("--pages".to_owned());
    }
    arguments.extend(transport_arguments(&settings.transport));
    if !cores.is_empty() {
        let list: Vec<_> = cores.iter().map(u32::to_string).collect();
        arguments.extend(["--cores".to_owned(), list.join(",")]);
    }
    arguments
}

/// What lies between the technique and TCP, as `pushbench serve` takes it.
fn transport_arguments(transport: &Transport) -> Vec<String> {
    let http = match transport.http {
        HttpVersion::Http1 => "1.1",
        HttpVersion::Http2 => "2",
    };
    let compression = match transport.compression {
        Compression::None => "none",
        Compression::Deflate => "deflate",
    };
    let mut arguments = vec!["--http", http, "--compression", compression];
    if transport.tls {
        // With tickets, also where the client keeps none: so a full handshake differs from a resumed one in nothing else.
        arguments.push("--tls");
    }
    arguments.into_iter().map(str::to_owned).collect()
}
