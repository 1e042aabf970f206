//! One ordinary trial: a fresh server process or several, a fresh load process, and what it measured.

use std::future::pending;
use std::time::Duration;

use futures_util::future::{join_all, select_all, try_join_all};
use model::settings::{Publisher, Settings};
use model::trial::{Failure, ServerSpec, Side, TrialOutcome, TrialSpec};

use super::preflight;
use super::process::{Process, ProcessError};
use super::server_start::Ready;
use super::servers::{ServerProcess, Servers};
use super::trial_env::{TrialEnv, TrialRun, failed, limit};
use crate::plan::Trial;
use crate::store::host::with_cores;

/// Runs one trial in the network of this process. When the returned future is dropped, all its processes are killed.
pub(super) async fn run(env: &TrialEnv, trial: &Trial<'_>) -> Result<TrialRun, Failure> {
    let settings = &trial.point.settings;
    let fits = preflight::check(&trial.planned.technique, settings);
    fits.map_err(|reason| failed(Side::Supervisor, &reason))?;
    let mut servers = Servers::start(env, trial).await.map_err(|reason| failed(Side::Server, &reason))?;
    let cpu_contention = CpuContention::start(env, settings).await;
    let mut cpu_contention = cpu_contention.map_err(|reason| failed(Side::Supervisor, &reason))?;
    let spec = spec(env, trial, &servers).map_err(|error| failed(Side::Supervisor, &format!("{error:#}")))?;
    let outcome = tokio::select! {
        // A dead server makes the load generator fail, too; the cause is looked at first.
        biased;
        death = servers.died(env, trial) => Err(failed(Side::Server, &death)),
        death = cpu_contention.died() => Err(failed(Side::Supervisor, &death)),
        outcome = load(env, &spec) => outcome.map_err(|failure| by_proxy(failure, settings)),
    };
    cpu_contention.end().await;
    // The check whether a proxy listens reaches the server, too, which reports a connection without a request: no fault, unless there
    // was another.
    let note = servers.end().await.filter(|_| settings.through.is_none() || outcome.is_err());
    match outcome {
        Ok(outcome) => Ok(TrialRun { outcome, note, observed: None }),
        Err(failure) => Err(with_note(failure, note)),
    }
}

async fn load(env: &TrialEnv, spec: &TrialSpec) -> Result<TrialOutcome, Failure> {
    let of_load = |error: ProcessError| failed(Side::Load, &error);
    let mut load = Process::start("load generator", &env.load_program, ["load"]).map_err(of_load)?;
    let line = serde_json::to_string(spec).map_err(|error| failed(Side::Supervisor, &error))?;
    load.write_line(&line).await.map_err(of_load)?;
    let text = load.output(limit(&spec.settings)).await.map_err(of_load)?;
    serde_json::from_str(&text)
        .map_err(|error| failed(Side::Load, &format!("the load generator's outcome cannot be read: {error}")))
}

/// That subscribers cannot connect is the proxy's doing where there is one: without it they can.
fn by_proxy(failure: Failure, settings: &Settings) -> Failure {
    let is_by_proxy = settings.through.is_some() && failure.reason.contains(Failure::NOT_CONNECTED);
    Failure { side: if is_by_proxy { Side::Proxy } else { failure.side }, ..failure }
}

fn spec(env: &TrialEnv, trial: &Trial<'_>, servers: &Servers) -> anyhow::Result<TrialSpec> {
    let target = env.target(trial);
    let has_feed = trial.point.settings.publisher == Publisher::Feed;
    let pid = |ready: &Ready| match &ready.target {
        None => Some(ready.line.pid),
        Some(target) => target.pids.first().copied(),
    };
    let server = |server: &ServerProcess| ServerSpec {
        address: server.ready.line.address,
        certificate: server.ready.line.certificate.clone(),
        feed: has_feed.then(|| server.feed.display().to_string()),
        pid: pid(&server.ready),
        proxy: None,
    };
    let proxied = |server: ServerSpec| match &servers.proxy {
        None => server,
        Some((_, ready)) => {
            ServerSpec { address: ready.line.address, proxy: ready.pids.first().copied(), ..server }
        }
    };
    let of_target = target
        .zip(servers.first.ready.target.as_ref())
        .map(|(target, ready)| target.spec(&trial.planned.technique, trial.planned.seed, ready))
        .transpose()?;
    Ok(TrialSpec {
        technique: trial.planned.technique.clone(),
        server: proxied(server(&servers.first)),
        further_servers: servers.further.iter().map(server).collect(),
        target: of_target.flatten(),
        load_cores: env.pinning.load.clone(),
        server_cores: env.pinning.server.clone(),
        settings: trial.point.settings.clone(),
        seed: trial.planned.seed,
    })
}

/// The failure with what the server wrote, which may be its cause.
fn with_note(failure: Failure, note: Option<String>) -> Failure {
    match (failure.side, note) {
        // The reason of its death contains what it wrote.
        (Side::Server, _) | (_, None) => failure,
        (side, Some(note)) => Failure { side, reason: format!("{}; {note}", failure.reason) },
    }
}

/// How long one may take until it computes on its core.
const READY: Duration = Duration::from_secs(10);

/// The processes that compete with a trial's servers: with one of them the server has half a core. A load generator parses each
/// delivery that a server sends in one batch, so where a server has a whole core, the load generator is saturated first.
/// Dropping them kills them.
#[derive(Debug)]
pub(super) struct CpuContention(Vec<Process>);

impl CpuContention {
    /// Starts as many as the settings say for each core that the server is pinned to. All compute when this returns.
    pub(super) async fn start(env: &TrialEnv, settings: &Settings) -> Result<Self, String> {
        let cores = &env.pinning.server;
        let each = (0..settings.processes.cpu_contention).flat_map(|_| cores);
        let started = try_join_all(each.map(|&core| compute(env, core))).await;
        started.map(Self).map_err(|error| error.to_string())
    }

    /// Resolves when one of them ends before it is asked to, with the reason: from then on the server had more of its core.
    pub(super) async fn died(&mut self) -> String {
        if self.0.is_empty() {
            return pending().await;
        }
        select_all(self.0.iter_mut().map(|process| Box::pin(process.died()))).await.0.to_string()
    }

    pub(super) async fn end(self) {
        join_all(self.0.into_iter().map(Process::end)).await;
    }
}

/// Starts one on `core`. It is a sub-command of this program, also where `--server-program` names another one.
async fn compute(env: &TrialEnv, core: u32) -> Result<Process, ProcessError> {
    let arguments = with_cores(vec!["cpu-contention".to_owned()], &[core]);
    let mut process = Process::start("cpu-contention process", &env.load_program, arguments)?;
    process.read_line(READY).await?;
    Ok(process)
}
