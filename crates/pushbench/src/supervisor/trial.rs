//! One ordinary trial: a fresh server process or several, a fresh load process, and what it measured.

use model::settings::Publisher;
use model::trial::{Failure, ServerSpec, Side, TrialOutcome, TrialSpec};

use super::cpu_contention::CpuContention;
use super::preflight;
use super::process::{Process, ProcessError};
use super::servers::{ServerProcess, Servers};
use super::trial_env::{TrialEnv, TrialRun, failed, limit};
use crate::plan::Trial;
use crate::targets::TargetServer;

/// Runs one trial in the network that this process is in. When the returned future is dropped, all its processes are
/// killed.
///
/// # Errors
///
/// Which side failed, and why.
pub(super) async fn run(env: &TrialEnv, trial: &Trial<'_>) -> Result<TrialRun, Failure> {
    let settings = &trial.point.settings;
    let fits = preflight::check(&trial.planned.technique, settings);
    fits.map_err(|reason| failed(Side::Supervisor, &reason))?;
    let mut servers = Servers::start(env, trial).await.map_err(|reason| failed(Side::Server, &reason))?;
    let cpu_contention = CpuContention::start(env, settings).await;
    let mut cpu_contention = cpu_contention.map_err(|reason| failed(Side::Supervisor, &reason))?;
    let spec = spec(env, trial, &servers);
    let outcome = tokio::select! {
        // A dead server makes the load generator fail, too; the cause is looked at first.
        biased;
        death = servers.died(env, trial) => Err(failed(Side::Server, &death)),
        death = cpu_contention.died() => Err(failed(Side::Supervisor, &death)),
        outcome = load(env, &spec) => outcome,
    };
    cpu_contention.end().await;
    let note = servers.end().await;
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

fn spec(env: &TrialEnv, trial: &Trial<'_>, servers: &Servers) -> TrialSpec {
    let target = env.target(trial);
    let has_feed = trial.point.settings.publisher == Publisher::Feed;
    let is_readable = target.is_none_or(TargetServer::is_started);
    let server = |server: &ServerProcess| ServerSpec {
        address: server.ready.address,
        certificate: server.ready.certificate.clone(),
        feed: has_feed.then(|| server.feed.display().to_string()),
        pid: is_readable.then_some(server.ready.pid),
    };
    TrialSpec {
        technique: trial.planned.technique.clone(),
        server: server(&servers.first),
        further_servers: servers.further.iter().map(server).collect(),
        target: target.and_then(|target| target.spec(&trial.planned.technique, trial.planned.seed)),
        load_cores: env.pinning.load.clone(),
        server_cores: env.pinning.server.clone(),
        settings: trial.point.settings.clone(),
        seed: trial.planned.seed,
    }
}

/// The failure with what the server wrote, which may be its cause.
fn with_note(failure: Failure, note: Option<String>) -> Failure {
    match (failure.side, note) {
        // The reason of its death contains what it wrote.
        (Side::Server, _) | (_, None) => failure,
        (side, Some(note)) => Failure { side, reason: format!("{}; {note}", failure.reason) },
    }
}
