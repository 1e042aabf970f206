//! One trial: a fresh server process or several, a fresh load process, and what came of it.

mod cpu_contention;
mod restart;
mod room;
mod servers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::settings::{Publisher, Settings};
use model::trial::{Failure, Observed, ServerSpec, Side, TrialOutcome, TrialSpec};
use protocol::ready::ReadyLine;
use serde::{Deserialize, Serialize};

use crate::browsers::client::browser_of;
use crate::host::Pinning;
use crate::plan::Trial;
use crate::processes::{Process, ProcessError};
use crate::socket_ping::with_cores;
use crate::target::{Foreign, keeper};
use crate::{counters, namespace};
use cpu_contention::CpuContention;
use restart::Begin;
use servers::{Running, Servers};

/// How long a server may take until it listens.
const READY: Duration = Duration::from_secs(10);
/// What the load generator may take beyond the phases, to connect and to close: to start, and to hand over what it found.
const MARGIN: Duration = Duration::from_secs(27);
/// The same for a browser, on top: 30 s to start, and time to hand over what its page found.
const BROWSER_MARGIN: Duration = Duration::from_secs(90);

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
        if let Some(counter) = trial.point.settings.counted {
            counters::count(self, trial, counter).await
        } else if trial.point.settings.observed {
            namespace::observe(self, trial).await
        } else {
            self.run_here(trial).await
        }
    }

    /// Runs one trial in the network that this process is in. When the returned future is dropped, all its processes are
    /// killed.
    ///
    /// # Errors
    ///
    /// Which side failed, and why.
    pub(crate) async fn run_here(&self, trial: &Trial<'_>) -> Result<Ran, Failure> {
        let room = room::check(&trial.planned.technique, &trial.point.settings);
        room.map_err(|reason| on(Side::Supervisor, &reason))?;
        let mut servers = Servers::start(self, trial).await.map_err(|reason| on(Side::Server, &reason))?;
        let cpu_contention = CpuContention::start(self, &trial.point.settings).await;
        let mut cpu_contention = cpu_contention.map_err(|reason| on(Side::Supervisor, &reason))?;
        let spec = self.spec(trial, &servers);
        let outcome = tokio::select! {
            // A dead server makes the load generator fail, too; the cause is looked at first.
            biased;
            death = servers.died(self, trial) => Err(on(Side::Server, &death)),
            death = cpu_contention.died() => Err(on(Side::Supervisor, &death)),
            outcome = self.load(&spec) => outcome,
        };
        cpu_contention.end().await;
        let note = servers.end().await;
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

    async fn start_server(
        &self,
        trial: &Trial<'_>,
        feed: &Path,
        begin: Begin,
    ) -> Result<(Process, ReadyLine), String> {
        let technique = &trial.planned.technique;
        let (started, limit) = match (self.foreign(trial), &trial.planned.target) {
            (Some(foreign), _) => (self.start_foreign(foreign, trial), ready_limit(foreign)),
            (None, Some(name)) => return Err(format!("the target {name} is not there")),
            (None, None) => (self.start_own(trial, feed, begin), own_ready_limit(trial)),
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

    fn start_own(&self, trial: &Trial<'_>, feed: &Path, begin: Begin) -> Result<Process, ProcessError> {
        let (technique, settings) = (&trial.planned.technique, &trial.point.settings);
        let mut arguments = server_arguments(technique, settings, feed, &self.pinning.server);
        arguments.extend(begin.arguments());
        match settings.counted {
            Some(counter) => counters::start(counter, &self.server_program, arguments, &self.counts(trial)),
            None => Process::start("server", &self.server_program, arguments),
        }
    }

    /// Where the tool of a counted trial leaves its counts.
    pub(crate) fn counts(&self, trial: &Trial<'_>) -> PathBuf {
        self.sockets.join(format!("counts-{}", trial.index))
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

    fn spec(&self, trial: &Trial<'_>, servers: &Servers) -> TrialSpec {
        let foreign = self.foreign(trial);
        let fed = is_fed(&trial.point.settings);
        let is_readable = foreign.is_none_or(Foreign::is_started);
        let server = |server: &Running| ServerSpec {
            address: server.ready.address,
            certificate: server.ready.certificate.clone(),
            feed: fed.then(|| server.feed.display().to_string()),
            pid: is_readable.then_some(server.ready.pid),
        };
        TrialSpec {
            technique: trial.planned.technique.clone(),
            server: server(&servers.first),
            further_servers: servers.further.iter().map(server).collect(),
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

/// What one of our own may take until it listens.
fn own_ready_limit(trial: &Trial<'_>) -> Duration {
    if trial.point.settings.counted.is_some() { counters::READY } else { READY }
}

/// How long a trial with these settings may take.
pub(crate) fn limit(settings: &Settings) -> Duration {
    let phases = &settings.phases;
    let browser = browser_of(settings.client).map_or(Duration::ZERO, |_| BROWSER_MARGIN);
    let phases = Duration::from_nanos(phases.warm_up_ns + phases.window_ns + phases.drain_ns);
    let around = loadgen::trial::connect_limit(settings) + loadgen::trial::close_limit(settings) + MARGIN;
    phases + around + browser
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

/// The server's command line: it gets the settings as the record has them.
fn server_arguments(technique: &str, settings: &Settings, feed: &Path, cores: &[u32]) -> Vec<String> {
    let json = serde_json::to_string(settings).unwrap_or_default();
    let mut arguments: Vec<String> = ["serve", technique, "--settings", &json].map(str::to_owned).into();
    if is_fed(settings) {
        arguments.extend(["--feed".to_owned(), feed.display().to_string()]);
    }
    with_cores(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), cores)
}
