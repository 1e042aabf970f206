//! The server processes of a trial: started together, watched together, ended together.

use std::path::PathBuf;

use futures_util::future::{join_all, select_all, try_join, try_join_all};
use protocol::ready::ReadyLine;

use super::Stage;
use super::restart::{Begin, Place};
use crate::plan::Trial;
use crate::processes::{Ending, Process};

/// All server processes of a trial. Dropping them kills them.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) first: Running,
    pub(super) further: Vec<Running>,
}

/// A server process that listens.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) ready: ReadyLine,
    /// Its feed's socket, which may not be there.
    pub(super) feed: PathBuf,
    /// Where another one takes its place, if it is to be restarted.
    pub(super) place: Option<Place>,
}

impl Servers {
    /// Starts as many as the trial's settings say, and waits until all listen.
    ///
    /// # Errors
    ///
    /// Why one of them does not.
    pub(super) async fn start(stage: &Stage, trial: &Trial<'_>) -> Result<Self, String> {
        let further = 1..trial.point.settings.processes.server;
        let further = try_join_all(further.map(|nth| Running::start(stage, trial, nth)));
        let (first, further) = try_join(Running::start(stage, trial, 0), further).await?;
        Ok(Self { first, further })
    }

    /// Resolves when one of them ends that was not to end, with the reason.
    pub(super) async fn died(&mut self, stage: &Stage, trial: &Trial<'_>) -> String {
        let all = std::iter::once(&mut self.first).chain(&mut self.further);
        select_all(all.map(|server| Box::pin(server.died_for_good(stage, trial)))).await.0
    }

    /// Ends all of them, and says what is worth telling of that.
    pub(super) async fn end(self) -> Option<String> {
        let all = std::iter::once(self.first).chain(self.further);
        let notes = join_all(all.map(Running::end)).await;
        notes.into_iter().flatten().reduce(|notes, note| format!("{notes}; {note}"))
    }
}

impl Running {
    async fn start(stage: &Stage, trial: &Trial<'_>, nth: u32) -> Result<Self, String> {
        let feed = stage.sockets.join(format!("feed-{}-{nth}.sock", trial.index));
        let place = Place::reserve(&trial.point.settings)?;
        let begin = place.as_ref().map_or(Begin::Anywhere, |place| Begin::At(place.address()));
        let (process, ready) = stage.start_server(trial, &feed, begin).await?;
        Ok(Self { process, ready, feed, place })
    }

    async fn end(self) -> Option<String> {
        let note = note(&self.process.end().await);
        // It was made by the server, which may have been killed; the next trial has one of its own.
        let _ = std::fs::remove_file(&self.feed);
        note
    }
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
