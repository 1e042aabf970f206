//! Evidence made by hand: a few numbers a trial, and everything else as it is in a trial without any.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hdrhistogram::Histogram;
use model::SCHEMA_VERSION;
use model::close_case::{CloseCase, CloseCases, Peer, SeenEvent};
use model::manifest::{Host, Manifest, ScenarioInfo, TechniqueInfo};
use model::settings::{Client, Settings};
use model::trial::{TrialKey, TrialOutcome, TrialRecord, TrialResult};
use report::sample::Sample;
use report::{Evidence, Run, Trial};

/// Slugs and labels; the last is the baseline.
pub(crate) const TECHNIQUES: [(&str, &str); 3] =
    [("poll", "Polling"), ("push", "Pushing"), ("base", "Baseline")];

/// A trial of this scenario, technique and block. It has no figures yet.
pub(crate) fn trial(scenario: &str, technique: &str, block: u32) -> Trial {
    let key = TrialKey {
        scenario: scenario.to_owned(),
        point: BTreeMap::new(),
        technique: technique.to_owned(),
        target: None,
        repetition: block,
    };
    let order = TECHNIQUES.iter().position(|(slug, _)| *slug == technique).expect("the technique is known");
    let record = TrialRecord {
        schema_version: SCHEMA_VERSION,
        index: 0,
        key,
        technique_label: TECHNIQUES[order].1.to_owned(),
        technique_order: order as u32,
        settings: Settings::default(),
        seed: 0,
        started_unix_s: 0,
        took_ns: 0,
        result: TrialResult::Complete(Box::default()),
        observed: None,
        attempt: 0,
        machine: None,
        disturbance: None,
        search: None,
        load: None,
        histograms: None,
    };
    Trial { run: 0, record, core_speed: None, samples: BTreeMap::new() }
}

/// Changes to a trial, one after the other.
pub(crate) trait With: Sized {
    fn with(self, change: impl FnOnce(&mut Trial)) -> Self;

    /// Changes what was measured.
    fn measured(self, change: impl FnOnce(&mut TrialOutcome)) -> Self {
        self.with(|trial| match &mut trial.record.result {
            TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) => change(outcome),
            TrialResult::Failed(failure) => panic!("{failure:?}"),
        })
    }

    /// So many events, each with these bytes of payload and overhead down-stream, and this CPU time of the server.
    fn events(self, events: u64, [payload, overhead]: [u64; 2], cpu_ns: u64) -> Self {
        self.measured(|outcome| {
            outcome.counts.published = events;
            outcome.counts.expected = events;
            outcome.counts.delivered = events;
            outcome.counts.events_in_window = events;
            outcome.counts.responses = events;
            outcome.bytes.window.down.payload = events * payload;
            outcome.bytes.window.down.message_framing = events * overhead;
            outcome.cost.elapsed_ns = 1_000_000_000;
            outcome.cost.server_cpu_ns = events * cpu_ns;
        })
    }

    /// These delivery latencies.
    fn latencies(self, ns: impl IntoIterator<Item = u64>) -> Self {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds are right");
        ns.into_iter().for_each(|ns| histogram.saturating_record(ns));
        self.with(|trial| {
            for tag in ["delivery", "service"] {
                trial.samples.insert(tag.to_owned(), Sample::of(&histogram));
            }
        })
    }

    /// At this value of a swept key.
    fn at(self, key: &str, value: &str) -> Self {
        self.with(|trial| drop(trial.record.key.point.insert(key.to_owned(), value.to_owned())))
    }
}

impl With for Trial {
    fn with(mut self, change: impl FnOnce(&mut Trial)) -> Self {
        change(&mut self);
        self
    }
}

/// These slugs and labels, of which the last is the baseline.
pub(crate) fn technique_infos(techniques: &[(&str, &str)]) -> Vec<TechniqueInfo> {
    let technique = |(place, (slug, label)): (usize, &(&str, &str))| TechniqueInfo {
        slug: (*slug).to_owned(),
        label: (*label).to_owned(),
        about: String::new(),
        baseline: place == techniques.len() - 1,
    };
    techniques.iter().enumerate().map(technique).collect()
}

/// A run that began at this second, with all scenarios of its trials, swept over all keys that their points name.
pub(crate) fn run(started_unix_s: u64, trials: &[Trial]) -> Run {
    let mut scenarios: Vec<ScenarioInfo> = Vec::new();
    for trial in trials {
        let TrialRecord { key, search, load, .. } = &trial.record;
        if scenarios.iter().all(|info| info.name != key.scenario) {
            // The rate of a search, and of a load, is its own and no value of a sweep.
            let swept = key.point.keys().filter(|_| search.is_none() && load.is_none());
            scenarios.push(ScenarioInfo {
                name: key.scenario.clone(),
                question: format!("What about {}?", key.scenario),
                reading: String::new(),
                sweeps: swept.cloned().collect(),
                text: String::new(),
            });
        }
    }
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        pushbench: "0.1.0".to_owned(),
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        dirty: Some(false),
        command: "run".to_owned(),
        started_unix_s,
        seed: 7,
        planned_trials: trials.len() as u32,
        skipped: Vec::new(),
        techniques: technique_infos(&TECHNIQUES),
        scenarios,
        libraries: BTreeMap::new(),
        host: Host {
            name: "host".to_owned(),
            kernel: "Linux 6.1".to_owned(),
            cpu: "a CPU".to_owned(),
            cores: 2,
            governor: None,
            memory_bytes: 1 << 34,
            server_cores: vec![0],
            load_cores: vec![1],
            descriptors: 20_000,
            sysctls: BTreeMap::new(),
        },
        socket_ping: None,
        targets: Vec::new(),
        proxies: Vec::new(),
        publications: Vec::new(),
        replays: Vec::new(),
        claims: Vec::new(),
    };
    let name = format!("run-{started_unix_s}");
    Run {
        dir: PathBuf::from(&name),
        name,
        manifest,
        findings: Vec::new(),
        close_cases: None,
        broken: Vec::new(),
    }
}

/// An end of a WebSocket that the server began, as this client saw it.
pub(crate) fn close_case(code: u16, client: Client, conforms: bool, events: &[SeenEvent]) -> CloseCase {
    CloseCase {
        code,
        situation: "somebody | closes".to_owned(),
        real: false,
        by: Peer::Server,
        sent: None,
        client,
        events: [events, &[SeenEvent::Close { code, reason: String::new(), clean: true }]].concat(),
        conforms,
    }
}

/// These ends, which these clients tried.
pub(crate) fn close_cases(clients: &[Client], close_cases: Vec<CloseCase>) -> CloseCases {
    CloseCases { schema_version: SCHEMA_VERSION, clients: clients.to_vec(), close_cases }
}

/// One run of these trials.
pub(crate) fn evidence(trials: Vec<Trial>) -> Evidence {
    Evidence::of(vec![run(1, &trials)], vec![trials])
}
