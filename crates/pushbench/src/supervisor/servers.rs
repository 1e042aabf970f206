//! The server processes of a trial, and the proxy before them: started together, watched together, ended together.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;

use futures_util::future::{join_all, select_all, try_join, try_join_all};
use rustix::process::Signal;

use super::process::{Ending, Process, ProcessError};
use super::restart::{Listen, ReservedAddress};
use super::server_start::{self, Ready};
use super::trial_env::TrialEnv;
use crate::plan::Trial;
use crate::targets::ready::TargetReady;

/// All server processes of a trial. Dropping them kills them.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) first: ServerProcess,
    pub(super) further: Vec<ServerProcess>,
    /// The proxy before the first one, and what it reports of itself.
    pub(super) proxy: Option<(Process, TargetReady)>,
}

#[derive(Debug)]
pub(super) struct ServerProcess {
    process: Process,
    pub(super) ready: Ready,
    /// Its feed's socket, which may not be there.
    pub(super) feed: PathBuf,
    /// Where another one replaces it, if it is to be restarted.
    reserved: Option<ReservedAddress>,
}

impl Servers {
    /// Starts as many as the trial's settings say, and waits until all listen.
    pub(super) async fn start(env: &TrialEnv, trial: &Trial<'_>) -> Result<Self, String> {
        let further = 1..trial.point.settings.processes.server;
        let further = try_join_all(further.map(|nth| ServerProcess::start(env, trial, nth)));
        let (first, further) = try_join(ServerProcess::start(env, trial, 0), further).await?;
        let proxy = server_start::start_proxy(env, trial, first.ready.line.address).await?;
        Ok(Self { first, further, proxy })
    }

    /// Resolves when one of them ends unasked, with the reason.
    pub(super) async fn died(&mut self, env: &TrialEnv, trial: &Trial<'_>) -> String {
        let all = std::iter::once(&mut self.first).chain(&mut self.further);
        let all = select_all(all.map(|server| Box::pin(server.died_for_good(env, trial))));
        let Some((proxy, _)) = &mut self.proxy else { return all.await.0 };
        tokio::select! {
            death = all => death.0,
            death = proxy.died() => death.to_string(),
        }
    }

    /// Ends all of them, and returns what a person should read about that.
    pub(super) async fn end(self) -> Option<String> {
        if let Some((proxy, _)) = self.proxy {
            // What it wrote is its log of connections.
            proxy.end().await;
        }
        let all = std::iter::once(self.first).chain(self.further);
        let notes = join_all(all.map(ServerProcess::end)).await;
        notes.into_iter().flatten().reduce(|notes, note| format!("{notes}; {note}"))
    }
}

impl ServerProcess {
    async fn start(env: &TrialEnv, trial: &Trial<'_>, nth: u32) -> Result<Self, String> {
        let feed = env.sockets.join(format!("feed-{}-{nth}.sock", trial.index));
        let reserved = ReservedAddress::reserve(&trial.point.settings)?;
        let listen = reserved.as_ref().map_or(Listen::AnyPort, |reserved| Listen::At(reserved.address()));
        let (process, ready) = server_start::start(env, trial, &feed, listen).await?;
        Ok(Self { process, ready, feed, reserved })
    }

    /// Resolves when it has ended for good, with the reason. One that was killed and has a reserved address is replaced
    /// once. A second death, or one by anything but a kill, ends the trial.
    async fn died_for_good(&mut self, env: &TrialEnv, trial: &Trial<'_>) -> String {
        let death = self.process.died().await;
        let Some(reserved) = self.reserved.take().filter(|_| was_killed(&death)) else {
            return death.to_string();
        };
        // The old server has left its socket there.
        let _ = std::fs::remove_file(&self.feed);
        let listen = Listen::AfterFeed(reserved.address());
        match server_start::start(env, trial, &self.feed, listen).await {
            Ok((process, ready)) => (self.process, self.ready) = (process, ready),
            Err(error) => return format!("the server could not be started again: {error}"),
        }
        let death = self.process.died().await;
        drop(reserved);
        death.to_string()
    }

    async fn end(self) -> Option<String> {
        let note = note(&self.process.end().await);
        // It was made by the server, which may have been killed; the next trial has one of its own.
        let _ = std::fs::remove_file(&self.feed);
        note
    }
}

fn was_killed(death: &ProcessError) -> bool {
    matches!(death, ProcessError::Ended { status, .. } if status.signal() == Some(Signal::KILL.as_raw()))
}

/// What a person should read about a server's end.
fn note(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Orderly(tail) => tail.lines().map(|lines| format!("the server said: {lines}")),
        Ending::Killed(tail) => {
            Some(format!("the server did not end when it was asked to, and was killed{tail}"))
        }
    }
}
