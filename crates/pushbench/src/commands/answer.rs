//! `pushbench advise` and `pushbench cite`: answers from what was measured.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use model::settings::HeaderProfile;
use report::advise::{Advice, advise as advise_on, check, random_situations, scenario_file};
use report::cost_model::{Cell, CostModel, Passage, Situation};
use report::figure::FigureName;
use report::{Evidence, cite as citation};

use super::output::{MODEL, of_the_project, print};
use crate::cli::{Advise, Cite};
use crate::project;

/// Events of a day come before the one that is sized, half of them in the mean.
const HALF_A_DAY_S: f64 = 43_200.0;

pub(super) fn advise(arguments: &Advise) -> anyhow::Result<()> {
    arguments.prices.set()?;
    let model = model(arguments.model.as_deref())?;
    if !arguments.check.is_empty() {
        let evidence = Evidence::load(&arguments.check).context("read the runs")?;
        return print(&check(&model, &evidence));
    }
    if let (Some(count), Some(folder)) = (arguments.situations, &arguments.write_scenario) {
        return write_situations(&model, arguments.seed, count, folder);
    }
    let (model, others) = match &arguments.behind {
        None => (model, String::new()),
        Some(through) => behind(model, through).with_context(|| {
            format!("the model knows nothing of {through}; run: pushbench run --scenario proxies && pushbench report")
        })?,
    };
    let situation = situation(arguments);
    let within = arguments.within as f64;
    let advice = advise_on(&model, &situation, Some(within), false);
    if let Some(path) = &arguments.write_scenario {
        write_scenario(path, &situation, within, &advice)?;
    }
    if arguments.json {
        let json = serde_json::to_string(&advice.prospects).context("write the prospects as JSON")?;
        return print(&(json + "\n"));
    }
    let asked: Vec<String> = std::env::args().skip(2).collect();
    let measure = format!(
        "pushbench advise {} --write-scenario situation.toml && pushbench run --scenario situation.toml",
        asked.join(" ")
    );
    print(&(advice.text(within, &measure) + &others))
}

/// The model with the techniques alone that work behind the proxy `through`, and what becomes of the others, a line each. None where that was
/// not measured.
fn behind(mut model: CostModel, through: &str) -> Option<(CostModel, String)> {
    let is_meant = |cell: &&Cell| cell.through == through && !cell.unbuffered && !cell.tls;
    let cells: Vec<Cell> = model.behind.iter().filter(is_meant).cloned().collect();
    let works = |slug: &str| cells.iter().any(|cell| cell.slug == slug && cell.passage == Passage::Works);
    model.techniques.retain(|technique| works(&technique.slug));
    let line = |cell: &Cell| {
        let becomes = match cell.passage {
            Passage::Works => return None,
            Passage::Delayed => "events are delayed",
            Passage::Refused => "it is refused",
            Passage::Nothing => "nothing arrives",
        };
        let fix = cell.fix.as_ref().map_or_else(String::new, |fix| format!("; it works with {fix}"));
        Some(format!("Left out behind {through}: {}: {becomes}{fix}\n", cell.label))
    };
    (!cells.is_empty()).then(|| (model, cells.iter().filter_map(line).collect()))
}

fn situation(arguments: &Advise) -> Situation {
    let message_bytes = f64::from(arguments.payload);
    Situation {
        subscribers: arguments.subscribers.into(),
        channels: arguments.channels.min(arguments.subscribers).into(),
        rate_per_s: arguments.rate,
        message_bytes,
        uplink_per_s: arguments.two_way.unwrap_or(0.0),
        uplink_bytes: message_bytes,
        transit_ns: [arguments.round_trip as f64 / 2.0; 2],
        headers: if arguments.browser { HeaderProfile::Browser } else { HeaderProfile::Minimal },
        tls: arguments.tls,
        events_before: arguments.rate * HALF_A_DAY_S,
        ..Situation::default()
    }
}

/// The named model, that of the project, or the built-in one.
fn model(named: Option<&Path>) -> anyhow::Result<CostModel> {
    let own = project::results(None)?.join(MODEL);
    let path = named.or_else(|| Some(own.as_path()).filter(|own| own.exists()));
    let Some(path) = path else {
        return CostModel::built_in().map_err(|error| anyhow!(error)).context(
            "read the built-in copy of results/model.json; `pushbench report` makes one, or name one with --model",
        );
    };
    let text = fs::read_to_string(path)
        .with_context(|| format!("read {}; `pushbench report` makes it", path.display()))?;
    CostModel::parse(&text)
        .map_err(|error| anyhow!(error))
        .with_context(|| format!("read {}", path.display()))
}

fn write_situations(model: &CostModel, seed: u64, count: u32, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    for (place, (situation, within)) in random_situations(seed, count).into_iter().enumerate() {
        let advice = advise_on(model, &situation, Some(within), false);
        let path = folder.join(format!("situation-{seed}-{:02}.toml", place + 1));
        write_scenario(&path, &situation, within, &advice)?;
    }
    print(&format!("{count} situations of seed {seed}: {}\n", folder.display()))
}

fn write_scenario(path: &Path, situation: &Situation, within: f64, advice: &Advice) -> anyhow::Result<()> {
    let interval = advice.prospects.iter().find_map(|it| it.interval_ns);
    let text = scenario_file(situation, Some(within), interval.unwrap_or(situation.interval_ns));
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

pub(super) fn cite(arguments: &Cite) -> anyhow::Result<()> {
    arguments.prices.set()?;
    let name = FigureName::parse(&arguments.figure)?;
    let runs = match arguments.runs.is_empty() {
        true => of_the_project(&project::results(None)?)?,
        false => arguments.runs.clone(),
    };
    let evidence = Evidence::load(&runs).context("read the results")?;
    let cited = citation::cite(&evidence, &name, &name.find(&evidence)?);
    print(&format!("{}\n{}\n{}", cited.text, cited.bibtex, cited.badge))
}
