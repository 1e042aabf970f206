//! A run's folder: manifest, plan, one record and one histogram log a trial, the table for spreadsheets. Every file is
//! written whole or not at all, as soon as there is something to write, so a run that was killed is readable. A run that has
//! ended is packed into a few files, in the form that [`model::results`] describes.

mod files;
pub(crate) mod histograms;
pub(crate) mod host;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use model::calendar;
use model::manifest::{FileVersion, Manifest};
use model::results::{self, HISTOGRAMS, LOOSE, MANIFEST, PACKED, write_atomically};
use model::trial::TrialRecord;

use crate::plan::{Part, Plan, Trial};
use crate::search::{CapacitySearch, Found, Next};

use files::{PLAN, read_json, write_json};
use histograms::Tagged;

pub(crate) use files::{has_browser_probe, keep_browser_probe, newest_unfinished, runs};

const TABLE: &str = "trials.csv";
const SOCKET_PING: &str = "socket-ping.hlog";

/// A run's folder, and the records that are in it.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    records: Vec<TrialRecord>,
}

impl Store {
    /// Makes the folder of a new run, `<date>-<host>[-n]`, with all but the results in it.
    pub(crate) fn create(results: &Path, manifest: &Manifest, plan: &Plan) -> anyhow::Result<Self> {
        let name = format!("{}-{}", calendar::date(manifest.started_unix_s), file_part(&manifest.host.name));
        let dir = files::new_folder(results, &name).with_context(|| {
            format!(
                "make a run's folder in {}; name a folder that can be written with --results",
                results.display()
            )
        })?;
        let store = Self { dir, records: Vec::new() };
        let made = fs::create_dir(store.dir.join(LOOSE)).with_context(|| store.writing(LOOSE));
        let written =
            made.and_then(|()| store.write_plan(plan)).and_then(|()| store.write_manifest(manifest));
        written.inspect_err(|_| {
            // Nothing is in it yet that anybody could want; if it cannot be removed, the first error says more.
            let _ = fs::remove_dir_all(&store.dir);
        })?;
        Ok(store)
    }

    pub(crate) fn write_plan(&self, plan: &Plan) -> anyhow::Result<()> {
        write_json(&self.dir.join(PLAN), plan)
    }

    pub(crate) fn open(dir: &Path) -> anyhow::Result<(Self, Manifest, Plan)> {
        if results::is_packed(dir) {
            bail!("the run in {} has ended and is packed: nothing is left to run", dir.display());
        }
        for file in [MANIFEST, PLAN] {
            let path = dir.join(file);
            let version: FileVersion = read_json(&path).with_context(|| {
                format!("{} is not the folder of a run that can be resumed", dir.display())
            })?;
            version.check().with_context(|| format!("resume {}", dir.display()))?;
        }
        let manifest: Manifest = read_json(&dir.join(MANIFEST))?;
        let plan: Plan = read_json(&dir.join(PLAN))?;
        let mut records = Vec::new();
        for path in results::files(&dir.join(LOOSE), "json")? {
            records.push(read_json(&path).with_context(|| {
                format!(
                    "take up {}; remove a record that is broken, and its trial is run again",
                    dir.display()
                )
            })?);
        }
        records.sort_by_key(|record: &TrialRecord| (record.index, record.started_unix_s));
        Ok((Self { dir: dir.to_owned(), records }, manifest, plan))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// All records, those of an earlier part of the run included.
    pub(crate) fn records(&self) -> &[TrialRecord] {
        &self.records
    }

    /// The record of a trial of the plan, if it has one. An error when another trial's record stands at its place.
    pub(crate) fn record_of(&self, trial: &Trial<'_>) -> anyhow::Result<Option<&TrialRecord>> {
        let Some(record) = self.records.iter().find(|record| trial.has(record)) else {
            return Ok(None);
        };
        if record.key != trial.key()
            || record.seed != trial.planned.seed
            || record.settings != trial.point.settings
        {
            bail!(
                "record {} of {} does not fit the run's plan; remove it, and its trial is run again",
                record.index,
                self.dir.display()
            );
        }
        Ok(Some(record))
    }

    /// The next attempt at a trial, from 0: the first, or one more where the last was disturbed and may be repeated.
    pub(crate) fn next_attempt(&self, trial: &Trial<'_>, repeats: u32) -> Option<u32> {
        let attempts = self.records.iter().filter(|record| record.index as usize == trial.index);
        match attempts.max_by_key(|record| record.attempt) {
            None => Some(0),
            Some(last) => (last.disturbance.is_some() && last.attempt < repeats).then_some(last.attempt + 1),
        }
    }

    /// Whether nothing is left to run at this place of the plan, but for repeats of what was disturbed.
    pub(crate) fn is_done(&self, trial: &Trial<'_>) -> bool {
        let Some(terms) = &trial.point.search else {
            return self.records.iter().any(|record| trial.has(record));
        };
        let loaded = |share: &f64| {
            let load = Trial { part: Part::Load(*share), ..*trial };
            self.records.iter().any(|record| load.has(record))
        };
        match self.found(trial) {
            None => false,
            Some(found) => found.capacity_per_s.is_none() || terms.then.iter().all(loaded),
        }
    }

    /// What the search at this place of the plan has found, once its records tell.
    pub(crate) fn found(&self, trial: &Trial<'_>) -> Option<Found> {
        let terms = trial.point.search.as_ref()?;
        let of_place = self.records.iter().filter(|record| record.index as usize == trial.index);
        let steps = of_place.filter_map(|record| record.search.as_ref());
        match CapacitySearch::replay(terms, &steps).next() {
            Next::Try(_) => None,
            Next::End(found) => Some(found),
        }
    }

    /// Keeps what came out of a trial: histograms first, so that a record that is there is whole.
    /// What was kept before stays where it cannot be written.
    pub(crate) fn keep(
        &mut self,
        stem: &str,
        record: TrialRecord,
        histograms: &Tagged,
    ) -> anyhow::Result<()> {
        let mut record = record;
        if !histograms.is_empty() {
            let name = format!("{LOOSE}/{stem}.hlog");
            let log = histograms::to_log(histograms, record.started_unix_s, record.took_ns)?;
            self.write(&name, &log)?;
            record.histograms = Some(name);
        }
        write_json(&self.dir.join(format!("{LOOSE}/{stem}.json")), &record)?;
        self.records.push(record);
        Ok(())
    }

    pub(crate) fn write_table(&self) -> anyhow::Result<()> {
        let table = report::summary::trials_csv(&self.dir).with_context(|| self.writing(TABLE))?;
        self.write(TABLE, &table)
    }

    /// Packs the folder of a run that has ended: all records into one file, all histograms into another. The loose files and
    /// the plan go last, so that the run is whole at any moment. Where that fails, the loose files are still there.
    pub(crate) fn pack(&mut self) -> anyhow::Result<()> {
        self.records.sort_by_key(|record| (record.index, record.attempt, record.started_unix_s));
        let mut log =
            String::from("#[pushbench: nanoseconds of CLOCK_MONOTONIC; tag: <trial>/<histogram>]\n");
        let pings = Some(SOCKET_PING.to_owned()).filter(|name| self.dir.join(name).exists());
        for name in pings.iter().chain(self.records.iter().filter_map(|record| record.histograms.as_ref())) {
            let text = fs::read_to_string(self.dir.join(name));
            let text = text.with_context(|| format!("read {}", self.dir.join(name).display()))?;
            for tagged in text.lines().filter_map(|line| line.strip_prefix("Tag=")) {
                log += &format!("Tag={}\n", results::packed_tag(name, tagged));
            }
        }
        self.write(HISTOGRAMS, log.as_bytes())?;
        let packed = results::pack(&self.records).with_context(|| self.writing(PACKED))?;
        self.write(PACKED, &packed)?;
        for file in [PLAN, SOCKET_PING] {
            // What is packed is read from there; a rest is only in the way.
            let _ = fs::remove_file(self.dir.join(file));
        }
        fs::remove_dir_all(self.dir.join(LOOSE))
            .with_context(|| format!("remove {}", self.dir.join(LOOSE).display()))
    }

    pub(crate) fn histograms(&self, record: &TrialRecord) -> anyhow::Result<Tagged> {
        record.histograms.as_ref().map_or_else(|| Ok(Tagged::new()), |name| self.read_log(name))
    }

    pub(crate) fn write_manifest(&self, manifest: &Manifest) -> anyhow::Result<()> {
        write_json(&self.dir.join(MANIFEST), manifest)
    }

    /// Keeps the socket pings, and returns them with all that were kept before.
    pub(crate) fn keep_socket_ping(&self, pings: &Tagged, at_unix_s: u64) -> anyhow::Result<Tagged> {
        let mut all =
            if self.dir.join(SOCKET_PING).exists() { self.read_log(SOCKET_PING)? } else { Tagged::new() };
        for (tag, histogram) in pings {
            histograms::merge(&mut all, tag, histogram)?;
        }
        self.write(SOCKET_PING, &histograms::to_log(&all, at_unix_s, 0)?)?;
        Ok(all)
    }

    fn read_log(&self, name: &str) -> anyhow::Result<Tagged> {
        let path = self.dir.join(name);
        let log = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        histograms::from_log(&log).with_context(|| format!("read {}", path.display()))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.dir.join(name), bytes).with_context(|| self.writing(name))
    }

    fn writing(&self, name: &str) -> String {
        format!("write {}", self.dir.join(name).display())
    }
}

fn file_part(host: &str) -> String {
    let part: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(40)
        .collect();
    if part.is_empty() { "host".to_owned() } else { part }
}

#[cfg(test)]
mod tests {
    use model::trial::{Disturbance, Failure, Side, TrialResult};

    use super::*;
    use crate::fixture;
    use crate::plan::Choice;

    #[test]
    fn a_disturbed_trial_is_repeated_until_it_is_not_or_was_repeated_often_enough() {
        let scenario = fixture::scenario(&["a"], "events.rate = \"1/s\"\nrepetitions = 1");
        let choice = Choice { techniques: &["a"], seed: 7, ..Choice::default() };
        let plan = Plan::new(&[scenario], &choice);
        let trial = plan.trials().next().unwrap();
        let mut store = Store { dir: PathBuf::new(), records: Vec::new() };
        assert_eq!(store.next_attempt(&trial, 2), Some(0));
        for (is_disturbed, next) in [(true, Some(1)), (false, None), (true, Some(2)), (true, None)] {
            let failed = TrialResult::Failed(Failure { side: Side::Load, reason: "a test".to_owned() });
            let attempt = match next {
                Some(next) => next - 1,
                None if is_disturbed => 2,
                None => 1,
            };
            let disturbance = is_disturbed.then_some(Disturbance::OtherWork { share: 0.5 });
            store.records.retain(|record| record.attempt < attempt);
            store.records.push(TrialRecord { attempt, disturbance, ..fixture::record(failed) });
            assert_eq!(store.next_attempt(&trial, 2), next, "attempt {attempt}");
            assert!(store.is_done(&trial));
        }
        assert_eq!(store.next_attempt(&trial, 1), None);
    }
}
