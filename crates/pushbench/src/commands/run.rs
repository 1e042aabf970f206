//! `pushbench run`: plan, trials, table, report.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use model::SCHEMA_VERSION;
use model::manifest::{Manifest, ScenarioInfo, Skipped};
use model::quantity::show_duration;
use model::scenario::{Extent, Runs, Scenario};
use model::settings::{Client, DEFAULT_VARIANT, proxy};
use model::target::Target;
use model::trial::{REPEATS, Side, TrialRecord, TrialResult};
use report::Evidence;
use report::target_summary::target_summary;

use super::output::{self, note, print};
use crate::browsers::client;
use crate::cli::Run;
use crate::plan::{self, Choice, Plan, Trial, budget};
use crate::runner::interrupt::{self, Interrupt};
use crate::runner::{Ended, Runner, unix_s};
use crate::runner::{self_check, summary};
use crate::store::host::{self, Pinning};
use crate::store::{self, Store};
use crate::supervisor::{TrialEnv, counters, namespace, socket_ping};
use crate::targets::{TargetServer, proxies, selection};
use crate::{evidence, project, registry};

pub(super) fn run(arguments: &Run) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let results = || project::results(arguments.results.as_deref());
    let mut begun = match &arguments.resume {
        Some(Some(dir)) => resume(dir)?,
        Some(None) => resume(&store::newest_unfinished(&results()?)?)?,
        None => begin(&results()?, arguments)?,
    };
    let ended = begun.go_on(arguments, &interrupt);
    let ended = ended.with_context(|| begun.how_to_go_on())?;
    let evidence = Evidence::load(&[begun.store.dir().to_owned()]).context("read the results")?;
    print(&summary::tables(&evidence, &begun.store, &begun.plan))?;
    if begun.plan.self_check {
        print(&self_check::rates(&evidence))?;
    }
    let targets = target_summary(&evidence);
    if !targets.is_empty() {
        print(&format!("\n{targets}"))?;
    }
    print(&format!("results: {}\n", begun.store.dir().display()))?;
    if ended == Ended::Interrupted {
        return begun.say_how_to_resume();
    }
    if !arguments.keep_trials {
        begun.store.pack().with_context(|| format!("pack {}", begun.store.dir().display()))?;
    }
    if !arguments.no_report && begun.store.records().iter().any(|record| record.result.outcome().is_some()) {
        print(&output::render_run(begun.store.dir(), &begun.manifest)?)?;
    }
    Ok(begun.verdict())
}

/// A run whose folder is there.
pub(super) struct Begun {
    pub(super) store: Store,
    pub(super) plan: Plan,
    manifest: Manifest,
    targets: Vec<TargetServer>,
}

/// Plans a run, and makes its folder.
pub(super) fn begin(results: &Path, arguments: &Run) -> anyhow::Result<Begun> {
    let budget_ns = budget_ns(arguments);
    let is_short = budget_ns.map_or(arguments.quick, |budget_ns| !budget::is_full_length(budget_ns));
    let extent = if is_short { Extent::Quick } else { Extent::Full };
    let (scenarios, unobservable) = namespace::runnable(asked_for(arguments, extent)?)?;
    let (scenarios, uncountable) = counters::runnable(scenarios);
    let (scenarios, without_proxy) = proxies::runnable(scenarios)?;
    let clients: BTreeSet<Client> = arguments.clients.iter().map(|&client| client.into()).collect();
    let clients: Vec<Client> = clients.into_iter().collect();
    let (scenarios, not_by_browsers) = client::fit(scenarios, &clients);
    if !not_by_browsers.is_empty() {
        note(&format!(
            "with a browser among the clients, all have at most {} subscribers",
            client::MOST_SUBSCRIBERS
        ));
    }
    let mut scenarios = scenarios;
    let selected = selection::select(&mut scenarios, &arguments.targets)?;
    for name in &selected.posted {
        note(&format!("{name}: events are published by POST to every server, since targets take part"));
    }
    let unusable = [unobservable, uncountable, without_proxy, not_by_browsers, selected.skipped].concat();
    for Skipped { what, why } in &unusable {
        note(&format!("skipped: {what}: {why}"));
    }
    let techniques: Vec<&str> = registry::slugs()
        .into_iter()
        .filter(|slug| {
            arguments.techniques.is_empty() || arguments.techniques.iter().any(|other| other == slug)
        })
        .collect();
    // Half of the bits, so that it can be typed again.
    let seed = arguments.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let targets = &selected.targets;
    let choice = Choice {
        techniques: &techniques,
        targets,
        only_targets: arguments.only_targets,
        repetitions: arguments.repetitions,
        seed,
        budget_ns,
        self_check: arguments.self_check,
    };
    if let (Some(budget_ns), true) = (budget_ns, arguments.scenarios.is_empty()) {
        scenarios = budget::choose(scenarios, &choice, budget_ns);
    }
    let plan = Plan::new(&scenarios, &choice);
    let unsupported = plan::left_out(&scenarios, &choice);
    for Skipped { what, why } in &unsupported {
        note(&format!("skipped: {what}: {why}"));
    }
    if plan.trials.is_empty() && scenarios.is_empty() {
        bail!("there is nothing to run: no scenario is left");
    }
    if plan.trials.is_empty() && arguments.only_targets {
        bail!("there is nothing to run: no target takes part in these scenarios; name one with --target");
    }
    if plan.trials.is_empty() {
        bail!("there is nothing to run: none of the techniques takes part in these scenarios");
    }
    let mut manifest = manifest(arguments, &scenarios, &techniques, &plan, seed);
    // What was asked for and cannot be run here was not left out for another reason.
    manifest.skipped.retain(|other| unusable.iter().all(|skipped| skipped.what != other.what));
    manifest.skipped.extend(unusable.into_iter().chain(unsupported));
    manifest.proxies = proxies::infos(&scenarios)?;
    manifest.targets = selected.targets.iter().map(TargetServer::info).collect();
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    manifest.publications = evidence::measured_by(&names)?;
    manifest.claims = evidence::decided_by(&scenarios)?;
    let store = Store::create(results, &manifest, &plan)?;
    Ok(Begun { store, manifest, plan, targets: selected.targets })
}

/// The time that the run may take. `--quick` means 90 s; with named scenarios or repetitions, trials of the table `quick`.
fn budget_ns(arguments: &Run) -> Option<u64> {
    const QUICK_NS: u64 = 90_000_000_000;
    let is_fixed = arguments.repetitions.is_some() || arguments.capacity || !arguments.scenarios.is_empty();
    const SELF_CHECK_NS: u64 = 600_000_000_000;
    let quick = Some(QUICK_NS).filter(|_| arguments.quick && !is_fixed);
    arguments.budget.or(quick).or_else(|| Some(SELF_CHECK_NS).filter(|_| arguments.self_check))
}

fn asked_for(arguments: &Run, extent: Extent) -> anyhow::Result<Vec<Scenario>> {
    let set = if arguments.capacity { Runs::Capacity } else { Runs::ByDefault };
    project::scenarios(&arguments.scenarios, set, extent)
}

fn resume(dir: &Path) -> anyhow::Result<Begun> {
    let (store, manifest, plan) = Store::open(dir)?;
    same_conditions(&manifest).with_context(|| format!("go on with {}", dir.display()))?;
    if let Some(trial) = plan.trials().find(|trial| registry::find(&trial.planned.technique).is_none()) {
        bail!("its plan has the technique {}, which this pushbench does not know", trial.planned.technique);
    }
    let targets: Vec<_> =
        plan.targets.iter().map(|file| TargetServer::read(file)).collect::<Result<_, _>>()?;
    let known = |target: &Target| {
        manifest.targets.iter().any(|known| known.name == target.name && known.text == target.text)
    };
    if let Some(changed) = targets.iter().find(|server| !known(&server.target)) {
        bail!("the target {} has changed since the run began; start a new run", changed.target.name);
    }
    Ok(Begun { store, manifest, plan, targets })
}

/// One run is one machine and one program; half of it from another would be compared with the first half.
fn same_conditions(manifest: &Manifest) -> anyhow::Result<()> {
    let pinning = Pinning::of_this_process();
    let (here, then) = (host::describe(&pinning), &manifest.host);
    let (commit, _) = host::commit();
    let cores = |host: &model::manifest::Host| format!("{:?} and {:?}", host.server_cores, host.load_cores);
    for (what, here, then) in [
        ("the version of pushbench", env!("CARGO_PKG_VERSION").to_owned(), manifest.pushbench.clone()),
        ("the commit", commit.unwrap_or_default(), manifest.commit.clone().unwrap_or_default()),
        ("the host", here.name.clone(), then.name.clone()),
        ("the kernel", here.kernel.clone(), then.kernel.clone()),
        ("the pair of cores", cores(&here), cores(then)),
    ] {
        if here != then {
            bail!(
                "{what} is {here} now and was {then} when the run began; start a new run with `pushbench run`"
            );
        }
    }
    Ok(())
}

impl Begun {
    pub(super) fn go_on(&mut self, arguments: &Run, interrupt: &Interrupt) -> anyhow::Result<Ended> {
        let sockets = tempfile::tempdir().context("make a folder for the feeds' sockets")?;
        let own = std::env::current_exe().context("find the path of this program")?;
        let env = TrialEnv {
            server_program: arguments.server_program.clone().unwrap_or_else(|| own.clone()),
            load_program: own,
            pinning: Pinning {
                server: self.manifest.host.server_cores.clone(),
                load: self.manifest.host.load_cores.clone(),
            },
            sockets: sockets.path().to_owned(),
            targets: self.targets.clone(),
        };
        let left_ns = announce(&self.plan, &self.store, &self.manifest);
        let pings = socket_ping::pings_beside(left_ns);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (store, manifest) = (&mut self.store, &mut self.manifest);
        let mut runner = Runner {
            env: &env,
            store,
            manifest,
            interrupt,
            pings,
            browser_probes: !arguments.no_browser_probe,
            repeats: arguments.repeat_disturbed.unwrap_or(REPEATS),
        };
        runtime.context("start the supervisor's runtime")?.block_on(runner.run(&mut self.plan))
    }

    fn how_to_go_on(&self) -> String {
        format!(
            "what was measured is kept in {0}; when the cause is mended, go on with: pushbench run --resume {0}",
            self.store.dir().display()
        )
    }

    fn say_how_to_resume(&self) -> anyhow::Result<ExitCode> {
        let done = self.plan.trials().filter(|trial| self.store.is_done(trial)).count();
        let places = self.plan.trials.len();
        let searches = self.plan.trials().any(|trial| trial.point.search.is_some());
        note(&format!(
            "interrupted after {done} of {places} {}; go on with: pushbench run --resume {}",
            if searches { "trials and searches" } else { "trials" },
            self.store.dir().display()
        ));
        Ok(ExitCode::from(interrupt::EXIT_CODE))
    }

    fn verdict(&self) -> ExitCode {
        match self.store.records().iter().filter(|record| is_faulty(record)).count() {
            0 => ExitCode::SUCCESS,
            count => {
                let trials = if count == 1 { "1 trial".to_owned() } else { format!("{count} trials") };
                note(&format!("{trials} failed or lost events; the records say which and why"));
                ExitCode::FAILURE
            }
        }
    }
}

fn manifest(
    arguments: &Run,
    scenarios: &[Scenario],
    techniques: &[&str],
    plan: &Plan,
    seed: u64,
) -> Manifest {
    let (commit, dirty) = host::commit();
    Manifest {
        schema_version: SCHEMA_VERSION,
        pushbench: env!("CARGO_PKG_VERSION").to_owned(),
        commit,
        dirty,
        command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        started_unix_s: unix_s(),
        seed,
        planned_trials: plan.expected_trials_from(0) as u32,
        skipped: left_out(arguments, scenarios, techniques),
        techniques: registry::infos(),
        scenarios: scenarios.iter().map(info).collect(),
        libraries: host::libraries(),
        host: host::describe(&Pinning::of_this_process()),
        socket_ping: None,
        targets: Vec::new(),
        proxies: Vec::new(),
        publications: Vec::new(),
        replays: Vec::new(),
        claims: Vec::new(),
    }
}

fn info(scenario: &Scenario) -> ScenarioInfo {
    ScenarioInfo {
        name: scenario.name.clone(),
        question: scenario.question.clone(),
        reading: scenario.reading.clone(),
        sweeps: scenario.sweeps.clone(),
        text: scenario.text.clone(),
    }
}

/// What this run does not run, so that its absence is not taken for a result.
fn left_out(arguments: &Run, scenarios: &[Scenario], techniques: &[&str]) -> Vec<Skipped> {
    let has_budget = budget_ns(arguments).is_some();
    let why = |scenario: &Scenario| match (arguments.scenarios.is_empty(), scenario.runs) {
        (true, Runs::ByDefault) if has_budget => "it does not fit into the budget",
        (true, Runs::WhenNamed) => "it runs only when it is named",
        (true, Runs::Capacity) => "it runs with --capacity",
        (false, _) | (true, Runs::ByDefault) => "it was not asked for",
    };
    let skipped = |what: String, why: &str| Skipped { what, why: why.to_owned() };
    // A folder of scenarios that is not there, or is broken, leaves nothing out of a run that named its files.
    let known = project::all_scenarios(Extent::Full).unwrap_or_default();
    let left = known.iter().filter(|known| scenarios.iter().all(|scenario| scenario.name != known.name));
    let scenarios = left.map(|scenario| skipped(format!("scenario {}", scenario.name), why(scenario)));
    let others = registry::slugs().into_iter().filter(|slug| !techniques.contains(slug));
    scenarios.chain(others.map(|slug| skipped(format!("technique {slug}"), "it was not asked for"))).collect()
}

/// Says what will be run and how long it will take; the expected time of the trials in nanoseconds.
fn announce(plan: &Plan, store: &Store, manifest: &Manifest) -> u64 {
    let left: Vec<_> = plan.trials().filter(|trial| !store.is_done(trial)).collect();
    let left_ns: u64 = left.iter().map(Trial::expected_ns).sum();
    let with_pings_ns = left_ns + 2 * socket_ping::expected_ns(socket_ping::pings_beside(left_ns));
    let total_ns = plan.budget_ns.unwrap_or(with_pings_ns);
    let cores = match (&manifest.host.server_cores[..], &manifest.host.load_cores[..]) {
        ([], _) => "not pinned, since there is only one core".to_owned(),
        (server, load) => {
            format!("server on core {}, load on core {}", host::listed(server), host::listed(load))
        }
    };
    let names: Vec<_> = plan.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    note(&format!(
        "{}: {}, seed {}, {cores}; about {}",
        names.join(", "),
        counted(&left),
        manifest.seed,
        show_duration(total_ns.div_ceil(1_000_000_000) * 1_000_000_000)
    ));
    left_ns
}

/// In a search for a capacity, at shares of it, and through a proxy with its package's settings, lost events are the answer, and so are
/// subscribers that such a proxy keeps from connecting; anywhere else they are a fault.
fn is_faulty(record: &TrialRecord) -> bool {
    let through = record.settings.through.as_deref();
    let is_asked = through.is_some_and(|through| proxy(through).1 == DEFAULT_VARIANT);
    match &record.result {
        TrialResult::Complete(_) => false,
        TrialResult::Incomplete(_) => record.search.is_none() && record.load.is_none() && !is_asked,
        TrialResult::Failed(failure) => failure.side != Side::Proxy || !is_asked,
    }
}

/// `12 trials`, `7 searches`, or both.
fn counted(left: &[Trial<'_>]) -> String {
    let searches = left.iter().filter(|trial| trial.point.search.is_some()).count();
    let trials = left.len() - searches;
    match (trials, searches) {
        (trials, 0) => format!("{trials} trials"),
        (0, searches) => format!("{searches} searches"),
        (trials, searches) => format!("{trials} trials and {searches} searches"),
    }
}

#[cfg(test)]
mod tests {
    use model::trial::{Failure, SearchStep, Verdict};

    use super::*;
    use crate::fixture;

    #[test]
    fn lost_events_are_a_fault_but_where_the_limit_is_looked_for() {
        let lossy = || TrialResult::Incomplete(Box::default());
        let dead = || TrialResult::Failed(Failure { side: Side::Server, reason: "it died".to_owned() });
        let verdict = Verdict::Failed { why: "3 of 9 lost".to_owned() };
        let step = Some(SearchStep { step: 0, attempt: 0, rate_per_s: 1.0, verdict });
        let plain = |result| fixture::record(result);
        assert!(is_faulty(&plain(lossy())));
        assert!(!is_faulty(&TrialRecord { search: step.clone(), ..plain(lossy()) }));
        assert!(!is_faulty(&TrialRecord { load: Some(1.5), ..plain(lossy()) }));
        assert!(is_faulty(&TrialRecord { search: step, ..plain(dead()) }));
        let through = |result| {
            let mut record = plain(result);
            record.settings.through = Some("nginx".to_owned());
            record
        };
        let refused = TrialResult::Failed(Failure { side: Side::Proxy, reason: "426".to_owned() });
        assert!(!is_faulty(&through(lossy())) && !is_faulty(&through(refused.clone())));
        assert!(is_faulty(&through(dead())));
        // Settings that are said to pass events on must do so.
        let mut fixed = through(refused);
        fixed.settings.through = Some("nginx-fixed".to_owned());
        assert!(is_faulty(&fixed));
        assert!(!is_faulty(&plain(TrialResult::Complete(Box::default()))));
    }
}
