//! Templates in, Markdown out. A page is a template in `templates/`; it asks for figures, tables and charts by name, and its text is
//! put between the markers of the file at its place.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, context};
use model::results::write_atomically;
use model::trial::STANDARD_EXCHANGE_NS;
use serde::Deserialize;

use crate::advise::advise;
use crate::catalogue::metric;
use crate::charts;
use crate::claims;
use crate::cost_model::{CostModel, Situation};
use crate::error::ReportError;
use crate::evidence::{Evidence, Point};
use crate::figure::{Figure, FigureName};
use crate::marker_sections::{BEGIN, END, replace};
use crate::numbers::significant;
use crate::proxies;
use crate::publications;
use crate::recommend;
use crate::reproduction::reproduction;
use crate::table::{self, Column};
use crate::theory_check;

/// The template of this name, at its place beside REPORT.md.
macro_rules! page {
    ($path:literal, $template:literal) => {
        ($path, include_str!(concat!("templates/", $template)))
    };
}

/// Every page and its template. A template that begins with a heading makes the page where it is not there yet; one without is only
/// put into a page that has the markers.
const PAGES: &[(&str, &str)] = &[
    page!("README.md", "readme.md"),
    page!("REPORT.md", "report.md"),
    page!("docs/did-i-use-websocket-right.md", "did-i-use-websocket-right.md"),
    page!("docs/claims.md", "claims.md"),
    page!("docs/publications.md", "publications.md"),
    page!("docs/capacity.md", "capacity.md"),
    page!("docs/connections.md", "connections.md"),
    page!("docs/transports.md", "transports.md"),
    page!("docs/browsers.md", "browsers.md"),
    page!("docs/behind-a-proxy.md", "behind-a-proxy.md"),
    page!("docs/servers-of-others.md", "servers-of-others.md"),
    page!("docs/token-streams.md", "token-streams.md"),
    page!("docs/theory.md", "theory.md"),
    page!("docs/method-and-machine.md", "method-and-machine.md"),
];

/// Fills in and writes every page: `report` itself, the others beside it. Returns the files. `model` is the evidence's.
/// Fails when a page's markers are damaged (nothing is written then), or when a file cannot be written.
pub fn write_pages(
    evidence: &Arc<Evidence>,
    model: &Arc<CostModel>,
    report: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let home = report.parent().unwrap_or(Path::new(""));
    let mut files = Vec::new();
    let charts = Charts::default();
    let environment = environment(evidence, model, &charts)?;
    for (name, template) in PAGES {
        let path = if *name == "REPORT.md" { report.to_owned() } else { home.join(name) };
        let (heading, template) = heading(template);
        let current = match fs::read_to_string(&path) {
            Ok(current) => Some(current),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(ReportError::Read { path, source }),
        };
        let is_there = current.as_ref().is_some_and(|current| current.contains(BEGIN));
        if heading.is_none() && !is_there {
            continue;
        }
        let text = fill_in(&environment, evidence, name, template, Value::UNDEFINED)?;
        // Other pages link to it, and figures of an earlier report must not stay.
        let text = if text.trim().is_empty() { NOT_MEASURED.to_owned() } else { text };
        let new = || format!("{}\n\n{BEGIN}\n{END}\n", heading.unwrap_or_default());
        let text = replace(&current.unwrap_or_else(new), &text)
            .map_err(|source| ReportError::Markers { path: path.clone(), source })?;
        files.push((path, text));
    }
    let charts = std::mem::take(&mut *charts.lock().unwrap_or_else(PoisonError::into_inner));
    files.extend(charts.into_iter().map(|(name, svg)| (home.join(CHARTS).join(name + ".svg"), svg)));
    files.iter().try_for_each(|(path, text)| write(path, text))?;
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Where the figures of a scenario stand: the page with its anchor, or the report as a whole.
pub(crate) fn place(scenario: &str) -> String {
    let anchor = format!("<a id=\"{scenario}\"></a>");
    let page = PAGES.iter().find(|(_, template)| template.contains(&anchor));
    page.map_or_else(|| "REPORT.md".to_owned(), |(page, _)| format!("{page}#{scenario}"))
}

const NOT_MEASURED: &str = "Nothing of this was measured in the runs of this report. Name its scenarios, or give more time: `pushbench run --budget 8h`.";

/// Where charts lie.
const CHARTS: &str = "docs/charts";

/// Charts that pages show, by name.
pub(crate) type Charts = Arc<Mutex<BTreeMap<String, String>>>;

/// A template's first line where it is a heading, and the rest.
fn heading(template: &str) -> (Option<&str>, &str) {
    let first = template.lines().next().filter(|line| line.starts_with("# "));
    (first, first.map_or(template, |first| &template[first.len()..]))
}

/// What all templates can ask for. `charts` gets those that they show.
pub(crate) fn environment(
    evidence: &Arc<Evidence>,
    model: &Arc<CostModel>,
    charts: &Charts,
) -> Result<Environment<'static>, ReportError> {
    let mut environment = Environment::new();
    environment.add_filter("day", |seconds: u64| model::calendar::date(seconds));
    environment.add_filter("percent", |share: f64| format!("{} %", significant(share * 100.0)));
    environment.add_filter("times", |factor: f64| format!("{} ×", significant(factor)));
    environment.add_filter("cell", |text: &str| table::escape(text));
    environment.add_filter("whole", crate::numbers::whole);
    environment.add_filter("duration", crate::numbers::duration);
    environment.add_filter("figures", significant);
    environment.add_filter("exp", f64::exp);
    environment.add_global("standard_exchange_ns", STANDARD_EXCHANGE_NS);
    environment.add_filter("time", crate::numbers::time);
    environment.add_filter("bytes", crate::numbers::bytes);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_syntax(
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default(),
    );
    add_functions(&mut environment, evidence);
    add_answers(&mut environment, evidence, model);
    // chart("cpu-four-feeds"): a chart of charts.toml; undefined where it was not measured or would say nothing.
    let (of, drawn) = (evidence.clone(), charts.clone());
    environment.add_function("chart", move |state: &State<'_, '_>, name: &str| -> Result<Value, Error> {
        let folder = if state.name().starts_with("docs/") { "charts" } else { CHARTS };
        let chart = charts::of_name(&of, name).map_err(|error| wrong(error.to_string()))?;
        let Some(chart) = chart else { return Ok(Value::UNDEFINED) };
        let svg = charts::draw(&chart).map_err(wrong)?;
        drawn.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), svg);
        // An included template ends without its last line break.
        Ok(format!("![{}]({folder}/{name}.svg)\n", table::escape(&chart.title)).into())
    });
    const ANSWER: &str = "answer.md";
    environment
        .add_template(ANSWER, include_str!("templates/answer.md"))
        .map_err(|error| problem(ANSWER, &error))?;
    Ok(environment)
}

fn problem(page: &str, error: &Error) -> ReportError {
    ReportError::Template { page: page.to_owned(), reason: format!("{error:#}") }
}

/// The text of a template, which may use `more`, too.
pub(crate) fn fill_in(
    environment: &Environment<'_>,
    evidence: &Evidence,
    page: &str,
    template: &str,
    more: Value,
) -> Result<String, ReportError> {
    let manifests = || {
        evidence.runs.iter().enumerate().map(|(place, run)| {
            let exchange_ns = evidence.exchange_ns(place);
            context! { name => run.name.clone(), exchange_ns, ..Value::from(Serde(&run.manifest)) }
        })
    };
    let context = context! {
        runs => manifests().collect::<Vec<_>>(),
        newest => manifests().next(),
        trials => evidence.trial_count(),
        left_out => Value::from(Serde(&evidence.left_out)),
        ..more
    };
    let text =
        environment.render_named_str(page, template, context).map_err(|error| problem(page, &error))?;
    Ok(one_empty_line(&text))
}

/// Parts of a template that are left out leave empty lines.
fn one_empty_line(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

fn add_functions(environment: &mut Environment<'_>, evidence: &Arc<Evidence>) {
    // table("chat", ["p50", "cpu/baseline"], where={"events.rate": "1/s"}, techniques=["websocket"]): a row for each point.
    // table("bytes-against-rate", ["bytes"], across="events.rate"): a column for each value of a swept key.
    let of = evidence.clone();
    environment.add_function(
        "table",
        move |scenario: &str, columns: Vec<String>, options: Kwargs| -> Result<Value, Error> {
            let columns = columns
                .iter()
                .map(|text| Column::parse(text, &of))
                .collect::<Result<Vec<_>, _>>()
                .map_err(wrong)?;
            let across: Option<String> = options.get("across")?;
            let points = select(&of, scenario, &options)?;
            options.assert_all_used()?;
            let table = match across {
                Some(across) => table::across(&of, &points, &across, &columns[0]),
                None => table::by_point(&of, &points, &columns),
            };
            Ok(if table.is_empty() { Value::UNDEFINED } else { table.into() })
        },
    );
    // reproduction("cpu", true): how far ratios of CPU reproduce between runs; undefined with a single run.
    let of = evidence.clone();
    environment.add_function("reproduction", move |key: &str, is_ratio: bool| -> Result<Value, Error> {
        let metric = metric(key).ok_or_else(|| wrong(format!("there is no metric {key}")))?;
        Ok(reproduction(&of, metric, is_ratio).map_or(Value::UNDEFINED, |found| Value::from(Serde(found))))
    });
    // recommend("chat", within_ms=250): best, runner_up, price, reason, confidence, latency, quantile … as texts; undefined
    // where nothing fits.
    let of = evidence.clone();
    environment.add_function("recommend", move |scenario: &str, options: Kwargs| -> Result<Value, Error> {
        let within_ms: Option<f64> = options.get("within_ms")?;
        let at = swept(&options)?;
        options.assert_all_used()?;
        let found = recommend::measured(&of, scenario, &at, within_ms.map(|ms| ms * 1e6));
        Ok(found.map_or(Value::UNDEFINED, |(candidates, quantile, recommendation)| {
            let mut texts = recommend::texts(&candidates, &recommendation);
            texts.insert("quantile", quantile.to_owned());
            Value::from_pairs(texts)
        }))
    });
    let of = evidence.clone();
    environment.add_function("label", move |slug: &str| of.label(slug).to_owned());
}

/// What is asked of one figure, and what was judged.
fn add_answers(environment: &mut Environment<'_>, evidence: &Arc<Evidence>, model: &Arc<CostModel>) {
    // Of a figure by its name, such as "chat/websocket/cpu": the text with its interval, the number alone, the ends of the interval;
    // undefined where it was not measured.
    type Answer = fn(&Figure<'_>) -> Value;
    let answers: [(&str, Answer); 3] = [
        ("fig", |figure| figure.text().into()),
        ("value", |figure| figure.estimate.value.into()),
        ("interval", |figure| figure.estimate.interval.map_or(Value::UNDEFINED, |ends| ends.to_vec().into())),
    ];
    for (name, answer) in answers {
        let of = evidence.clone();
        environment.add_function(name, move |name: &str| -> Result<Value, Error> {
            let name = FigureName::parse(name).map_err(|error| wrong(error.to_string()))?;
            Ok(name.find(&of).map_or(Value::UNDEFINED, |figure| answer(&figure)))
        });
    }
    // prospects(subscribers=1000, channels=1000, rate=10, payload=200, within_ms=250): what each technique takes by the cost model, by
    // slug, and of "best" which to take; undefined where nothing fits. More options: two_way (rate), tls.
    let (model, model_machine) = (model.clone(), model.machine.clone());
    environment.add_function("prospects", move |options: Kwargs| -> Result<Value, Error> {
        let number = |name: &str| options.get::<Option<f64>>(name);
        let subscribers = number("subscribers")?.unwrap_or(1_000.0);
        let message_bytes = number("payload")?.unwrap_or(200.0);
        let situation = Situation {
            subscribers,
            channels: number("channels")?.unwrap_or(subscribers),
            rate_per_s: number("rate")?.unwrap_or(0.0),
            message_bytes,
            uplink_per_s: number("two_way")?.unwrap_or(0.0),
            uplink_bytes: message_bytes,
            tls: options.get::<Option<bool>>("tls")?.unwrap_or(false),
            ..Situation::default()
        };
        let within_ns = number("within_ms")?.unwrap_or(1_000.0) * 1e6;
        options.assert_all_used()?;
        let advice = advise(&model, &situation, Some(within_ns), false);
        let Some(recommendation) = &advice.recommendation else { return Ok(Value::UNDEFINED) };
        let best = recommendation.best.iter().map(|place| advice.prospects[*place].slug.clone());
        let best = ("best".to_owned(), best.collect::<Vec<_>>().into());
        let all = advice.prospects.iter().map(|it| (it.slug.clone(), Value::from(Serde(it))));
        Ok(Value::from_pairs(all.chain([best])))
    });
    environment.add_global("model_machine", model_machine);
    // settings("chat"): those of the scenario's first point, as a record has them.
    let of = evidence.clone();
    environment.add_function("settings", move |scenario: &str| {
        let first = of.own(scenario).next().and_then(|point| of.trials(point).next());
        first.map_or(Value::UNDEFINED, |trial| Value::from(Serde(&trial.record.settings)))
    });
    // proxies("proxies"): a list of `proxies::Cell`.
    let of = evidence.clone();
    environment
        .add_function("proxies", move |scenario: &str| Value::from(Serde(proxies::cells(&of, scenario))));
    // Lists of what was judged: their fields are those of the modules' types.
    type List = fn(&Evidence) -> Value;
    let lists: [(&str, List); 6] = [
        ("observer", |evidence| Value::from(Serde(theory_check::observer(evidence)))),
        ("claims", |evidence| Value::from(Serde(claims::judge(evidence)))),
        ("publications", |evidence| Value::from(Serde(publications::judge(evidence)))),
        ("theory", |evidence| Value::from(Serde(theory_check::scenarios(evidence)))),
        ("close_cases", |evidence| Value::from(Serde(claims::observed(evidence)))),
        ("browsers", |evidence| Value::from(Serde(claims::browsers_found(evidence)))),
    ];
    for (name, list) in lists {
        let of = evidence.clone();
        environment.add_function(name, move || list(&of));
    }
}

/// The points that `techniques`, `where` and `who` (own, searched, searched-all, loaded, targets, all) choose; own ones without `who`.
fn select<'e>(evidence: &'e Evidence, scenario: &str, options: &Kwargs) -> Result<Vec<&'e Point>, Error> {
    let techniques: Option<Vec<String>> = options.get("techniques")?;
    let at = swept(options)?;
    let who: Option<String> = options.get("who")?;
    let points = table::points(evidence, scenario, who.as_deref().unwrap_or("own")).map_err(wrong)?;
    let is_chosen = |point: &&Point| {
        techniques.as_ref().is_none_or(|techniques| techniques.contains(&point.technique))
            && at.iter().all(|(key, value)| point.at.get(key) == Some(value))
    };
    Ok(points.into_iter().filter(is_chosen).collect())
}

fn swept(options: &Kwargs) -> Result<BTreeMap<String, String>, Error> {
    let at: Option<Value> = options.get("where")?;
    Ok(at.map(BTreeMap::deserialize).transpose()?.unwrap_or_default())
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.into())
}

/// Writes a page or chart, in a folder that need not be there yet.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), ReportError> {
    let problem = |source| ReportError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(problem)?;
    }
    write_atomically(path, text.as_bytes()).map_err(problem)
}
