//! Starts one server process, of pushbench or of another project, and waits until it listens.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use model::settings::{Publisher, Settings};
use protocol::ready::ReadyLine;

use super::counters::tools;
use super::process::{OnDrop, Process, ProcessError};
use super::restart::Listen;
use super::trial_env::TrialEnv;
use crate::plan::Trial;
use crate::store::host::with_cores;
use crate::targets::TargetServer;
use crate::targets::ready::TargetReady;
use crate::targets::{proxies, supervisor};

/// How long a server may take until it listens.
const READY: Duration = Duration::from_secs(10);

/// What a server has said of itself.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) line: ReadyLine,
    /// What its supervisor has said, if it is a target.
    pub(super) target: Option<TargetReady>,
}

impl Ready {
    fn parse(line: &str, is_target: bool) -> serde_json::Result<Self> {
        if !is_target {
            return Ok(Self { line: ReadyLine::parse(line)?, target: None });
        }
        let ready: TargetReady = serde_json::from_str(line)?;
        Ok(Self { line: ready.line.clone(), target: Some(ready) })
    }
}

/// Starts the server of a trial, and waits for its ready line.
pub(super) async fn start(
    env: &TrialEnv,
    trial: &Trial<'_>,
    feed: &Path,
    listen: Listen,
) -> Result<(Process, Ready), String> {
    let technique = &trial.planned.technique;
    let (started, limit) = match (env.target(trial), &trial.planned.target) {
        (Some(target), _) => {
            let within = Duration::from_nanos(target.target.ready.within_ns);
            // Its supervisor reports why it is not ready after that.
            (start_target(env, target, trial), within + READY)
        }
        (None, Some(name)) => return Err(format!("the target {name} is not there")),
        (None, None) => {
            let limit = if trial.point.settings.counted.is_some() { tools::READY } else { READY };
            (start_own(env, trial, feed, listen), limit)
        }
    };
    let mut server = started.map_err(|error| error.to_string())?;
    let line = server.read_line(limit).await.map_err(|error| error.to_string())?;
    let ready = Ready::parse(&line, env.target(trial).is_some())
        .map_err(|error| format!("the server's first line is not its ready line: {line:?} ({error})"))?;
    if ready.line.technique != *technique {
        return Err(format!("the server serves {} and not {technique}", ready.line.technique));
    }
    match (trial.point.settings.transport.tls, &ready.line.certificate) {
        (true, None) => Err("the server shows no certificate, and TLS was asked for".to_owned()),
        (false, Some(_)) => Err("the server speaks TLS, and was not asked to".to_owned()),
        (true, Some(_)) | (false, None) => Ok((server, ready)),
    }
}

/// Starts the proxy of a trial that has one, before the server at `upstream`, and waits until it listens.
pub(super) async fn start_proxy(
    env: &TrialEnv,
    trial: &Trial<'_>,
    upstream: SocketAddr,
) -> Result<Option<(Process, TargetReady)>, String> {
    let Some(through) = &trial.point.settings.through else { return Ok(None) };
    let dir = env.sockets.join(format!("proxy-{}", trial.index));
    let (technique, cores) = (&trial.planned.technique, &env.pinning.server);
    let arguments = proxies::arguments(through, upstream, technique, &dir, cores);
    let arguments = arguments.map_err(|error| format!("{error:#}"))?;
    let started = Process::start_with("proxy", &env.load_program, arguments, OnDrop::EndLifeline);
    let mut proxy = started.map_err(|error| error.to_string())?;
    let line = proxy.read_line(READY * 3).await.map_err(|error| error.to_string())?;
    let ready = serde_json::from_str(&line)
        .map_err(|error| format!("the proxy's first line is not its ready line: {line:?} ({error})"))?;
    Ok(Some((proxy, ready)))
}

fn start_own(
    env: &TrialEnv,
    trial: &Trial<'_>,
    feed: &Path,
    listen: Listen,
) -> Result<Process, ProcessError> {
    let (technique, settings) = (&trial.planned.technique, &trial.point.settings);
    let mut arguments = server_arguments(technique, settings, feed, &env.pinning.server);
    arguments.extend(listen.arguments());
    match settings.counted {
        Some(counter) => tools::start(counter, &env.server_program, arguments, &env.counts_file(trial)),
        None => Process::start("server", &env.server_program, arguments),
    }
}

fn start_target(env: &TrialEnv, target: &TargetServer, trial: &Trial<'_>) -> Result<Process, ProcessError> {
    let dir = env.sockets.join(format!("target-{}", trial.index));
    let arguments = supervisor::arguments(target, &trial.planned.technique, &dir, &env.pinning.server);
    // Its supervisor is a sub-command of this program, also where `--server-program` names another one.
    Process::start_with("server", &env.load_program, arguments, OnDrop::EndLifeline)
}

/// The server's command line: it gets the settings as the record has them.
fn server_arguments(technique: &str, settings: &Settings, feed: &Path, cores: &[u32]) -> Vec<String> {
    let json = serde_json::to_string(settings).unwrap_or_default();
    let mut arguments: Vec<String> = ["serve", technique, "--settings", &json].map(str::to_owned).into();
    if settings.publisher == Publisher::Feed {
        arguments.extend(["--feed".to_owned(), feed.display().to_string()]);
    }
    with_cores(arguments, cores)
}
