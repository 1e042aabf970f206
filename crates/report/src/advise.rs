//! Answers for a situation that somebody has: what each technique would take there by the [cost model](crate::cost_model), which to take
//! by the [recommendation](crate::recommend) rule, and what of it was measured.

use std::collections::BTreeMap;

use model::quantity::show_size;
use model::settings::HeaderProfile;
use serde::Serialize;

use crate::cost_model::{
    CostModel, Expected, Kind, Row, Situation, TechniqueModel, WIDEST_SPREAD, prices, rows,
};
use crate::estimate::Estimate;
use crate::evidence::Evidence;
use crate::numbers::{self, NOTHING};
use crate::recommend::{self, Candidate, Part, Recommendation};
use crate::summary::aligned;

/// Polls are not spread further apart than this, whatever the latency that is allowed, nor nearer.
const INTERVALS_NS: [f64; 2] = [10e6, 60e9];
const DAY: f64 = 86_400.0;
/// The mark of a measured message, which an application's does not have: points within it are of the same size.
const STAMP: f64 = 60.0;
/// A spread holds 85 % of errors (1.44 standard deviations), an interval 95 % (1.96).
const SPREADS_OF_AN_INTERVAL: f64 = 1.96 / 1.44;

/// What a technique would take.
#[derive(Debug, Clone, Serialize)]
pub struct Prospect {
    pub slug: String,
    /// Its name for people.
    pub label: String,
    /// Of all subscribers together, per second.
    pub expected: Expected,
    /// From one poll to the next: the longest interval that fits. None of other techniques.
    pub interval_ns: Option<f64>,
    /// US dollars per day.
    pub dollars: f64,
    /// Factors of CPU, memory, p50 and p99 between model and measurement, as logarithms.
    pub spreads: [f64; 4],
    /// What of it was measured.
    pub basis: Basis,
}

/// What of a situation was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// A point with the same settings.
    Measured,
    /// Rate, message, subscribers and deliveries lie between those that were measured.
    Interpolated,
    /// What lies outside.
    Extrapolated(Vec<String>),
}

/// All techniques in a situation.
#[derive(Debug)]
pub struct Advice {
    /// Those that the model knows, without the baseline.
    pub prospects: Vec<Prospect>,
    /// Which to take; places are those of `prospects`. None where no technique is quick enough.
    pub recommendation: Option<Recommendation>,
    /// The processor of the machine whose work the model speaks of.
    machine: String,
    candidates: Vec<Candidate>,
}

/// Advises on a situation in which p99 may be at most `within_ns`. Without `is_fixed`, the interval between polls is the longest that fits.
pub fn advise(model: &CostModel, situation: &Situation, within_ns: Option<f64>, is_fixed: bool) -> Advice {
    let within = within_ns.filter(|_| !is_fixed);
    let web = model.techniques.iter().filter(|technique| !technique.baseline);
    let prospects: Vec<Prospect> =
        web.filter_map(|technique| prospect(technique, situation, within)).collect();
    let candidates: Vec<Candidate> = prospects.iter().map(candidate).collect();
    let error = |place: usize| {
        let it: &Prospect = &prospects[place];
        let cpu = prices().dollars(it.expected.cpu_ns, 0.0, 0.0) * DAY / it.dollars;
        cpu * it.spreads[0] * SPREADS_OF_AN_INTERVAL
    };
    let ratio = |a: usize, b: usize| {
        let value = candidates[a].cost / candidates[b].cost;
        let factor = error(a).hypot(error(b)).exp();
        let interval = Some([value / factor, value * factor]);
        Some(Estimate { value, interval, trials: model.runs, runs: model.runs })
    };
    let part = |place: usize, a: usize, b: usize| {
        let [a, b] = [a, b].map(|candidate| candidates[candidate].parts[place].value);
        Some(Estimate::exact(a / b, model.runs, model.runs))
    };
    let recommendation = recommend::recommend(&candidates, within_ns, ratio, part);
    Advice { prospects, recommendation, machine: model.machine.clone(), candidates }
}

fn prospect(technique: &TechniqueModel, situation: &Situation, within_ns: Option<f64>) -> Option<Prospect> {
    // Where no client with these headers was recorded, a browser's stand for them.
    let profiles = [situation.headers, HeaderProfile::Browser];
    let at = |interval_ns: f64| {
        profiles
            .into_iter()
            .find_map(|headers| technique.expect(&Situation { interval_ns, headers, ..*situation }))
    };
    let interval_ns = (technique.kind == Kind::Interval).then(|| match within_ns {
        Some(within) => longest_interval(|interval_ns| at(interval_ns).is_some_and(|it| it.p99_ns <= within)),
        None => situation.interval_ns,
    });
    // Zero stands for what was not measured: CPU time where every server had just started, the factor of TLS where there was none.
    let is_known = |it: &Expected| it.cpu_ns > 0.0 && it.p50_ns > 0.0;
    let expected = at(interval_ns.unwrap_or(situation.interval_ns)).filter(is_known)?;
    let memory = technique.memory.iter().find(|memory| memory.tls == situation.tls);
    let held = expected.memory_bytes.unwrap_or(0.0) * 1e9;
    Some(Prospect {
        slug: technique.slug.clone(),
        label: technique.label.clone(),
        interval_ns,
        dollars: prices().dollars(expected.cpu_ns, expected.bytes, held) * DAY,
        spreads: [
            technique.cpu.spread,
            memory.map_or(0.0, |it| it.spread),
            technique.p50.spread,
            technique.p99.spread,
        ],
        basis: basis(&technique.covered, situation),
        expected,
    })
}

/// The longest interval of whole milliseconds that is quick enough, by halving; the shortest where none is.
fn longest_interval(is_quick: impl Fn(f64) -> bool) -> f64 {
    let [mut low, mut high] = INTERVALS_NS.map(|ns| (ns / 1e6) as u32);
    while low < high {
        let middle = (low + high).div_ceil(2);
        match is_quick(f64::from(middle) * 1e6) {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    f64::from(low) * 1e6
}

fn candidate(prospect: &Prospect) -> Candidate {
    let it = &prospect.expected;
    let part = |name, value| Part { name, value };
    Candidate {
        slug: prospect.slug.clone(),
        label: prospect.label.clone(),
        latency_ns: Some(it.p99_ns),
        cost: prospect.dollars,
        parts: vec![
            part("bytes", it.bytes),
            part("CPU", it.cpu_ns),
            part("memory", it.memory_bytes.unwrap_or(f64::NAN)),
            part("median latency", it.p50_ns),
        ],
    }
}

/// What of a situation was measured. The ranges are those of each quantity alone and of deliveries, since the corner of many
/// subscribers at a high rate is one that nobody measured.
fn basis(points: &[[f64; 5]], situation: &Situation) -> Basis {
    let rate = situation.received_per_s();
    let near = |a: f64, b: f64| (a - b).abs() <= 0.01 * a.max(b);
    let is_same = |[of_rate, message, subscribers, tls, up]: &[f64; 5]| {
        near(*of_rate, rate)
            && near(*subscribers, situation.subscribers)
            && (message - situation.message_bytes).abs() <= STAMP
            && (*tls > 0.0) == situation.tls
            && near(*up, situation.uplink_per_s)
    };
    if points.iter().any(is_same) {
        return Basis::Measured;
    }
    let mut outside = Vec::new();
    let mut check =
        |what: &str, value: f64, of: fn(&[f64; 5]) -> f64, slack: f64, show: &dyn Fn(f64) -> String| {
            let low = points.iter().map(of).fold(f64::INFINITY, f64::min);
            let high = points.iter().map(of).fold(0.0, f64::max);
            if value < low * 0.99 - slack || value > high * 1.01 + slack {
                outside.push(format!("{what} {} (measured: {} to {})", show(value), show(low), show(high)));
            }
        };
    let size = |bytes: f64| show_size(bytes.round() as u64);
    let rates = |per_s: f64| format!("{}/s", numbers::plain(per_s));
    check("rate", rate, |it| it[0], 0.0, &rates);
    check("message", situation.message_bytes, |it| it[1], STAMP, &size);
    check("subscribers", situation.subscribers, |it| it[2], 0.0, &numbers::plain);
    check("deliveries", rate * situation.subscribers, |it| it[0] * it[2], 0.0, &rates);
    if situation.tls && points.iter().all(|point| point[3] == 0.0) {
        outside.push("TLS".to_owned());
    }
    if situation.uplink_per_s > 0.0 && points.iter().all(|point| point[4] == 0.0) {
        outside.push("messages of subscribers".to_owned());
    }
    if outside.is_empty() { Basis::Interpolated } else { Basis::Extrapolated(outside) }
}

impl Advice {
    /// The answer in a sentence, a table by cost, and what it rests on.
    pub fn text(&self, within_ns: f64, measure: &str) -> String {
        let within = numbers::duration(within_ns);
        let mut text = match &self.recommendation {
            None => format!("No technique brings 99 of 100 events within {within}.\n"),
            Some(recommendation) => {
                let texts = recommend::texts(&self.candidates, recommendation);
                let runner_up = texts.get("runner_up").map_or_else(String::new, |label| {
                    format!(" Next: {label}, at {} the cost.", texts["price"])
                });
                let reason = Some(&texts["reason"]).filter(|reason| !reason.is_empty());
                let reason = reason.map_or_else(String::new, |reason| format!(" {reason}."));
                format!("{} (p99 within {within}).{runner_up}{reason}\n", texts["best"])
            }
        };
        let mut order: Vec<&Prospect> = self.prospects.iter().collect();
        let is_late = |it: &Prospect| it.expected.p99_ns > within_ns;
        order.sort_by(|a, b| is_late(a).cmp(&is_late(b)).then(a.dollars.total_cmp(&b.dollars)));
        let head = ["technique", "bytes a day", "cores", "memory", "p50", "p99", "cost", "basis"];
        let cheapest = order.first().map_or(1.0, |it| it.dollars);
        let rows: Vec<Vec<String>> = order.iter().map(|it| line(it, cheapest, within_ns)).collect();
        text += &format!("\n{}", aligned(&head, &rows, 1..head.len()));
        text += &format!(
            "\nIn brackets, where four of five measurements lay on the machine that was measured ({}); none where that is wider than a factor of 2.\n\
             Another machine may take half or twice as long.\n",
            self.machine
        );
        let outside = order.iter().filter_map(|it| match &it.basis {
            Basis::Extrapolated(outside) => Some(outside.iter().map(move |what| (what, &it.label))),
            _ => None,
        });
        let mut by_reason: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
        outside.flatten().for_each(|(what, label)| by_reason.entry(what).or_default().push(label));
        for (what, labels) in &by_reason {
            text += &format!("Not covered by a measurement: {what}: {}\n", labels.join(", "));
        }
        if !by_reason.is_empty() {
            text += &format!("Run: {measure}\n");
        }
        text
    }
}

fn line(it: &Prospect, cheapest: f64, within_ns: f64) -> Vec<String> {
    let range = |value: f64, spread: f64, show: &dyn Fn(f64) -> String| match spread <= WIDEST_SPREAD {
        true => format!("{} [{}–{}]", show(value), show(value / spread.exp()), show(value * spread.exp())),
        false => format!("≈ {}", show(value)),
    };
    let [cpu, memory, p50, p99] = it.spreads;
    let label = match it.interval_ns {
        Some(interval) => format!("{}, every {}", it.label, numbers::duration(interval)),
        None => it.label.clone(),
    };
    let basis = match &it.basis {
        Basis::Measured => "measured",
        Basis::Interpolated => "interpolated",
        Basis::Extrapolated(_) => "extrapolated",
    };
    vec![
        label,
        numbers::bytes(it.expected.bytes * DAY),
        range(it.expected.cpu_ns / 1e9, cpu, &cores),
        it.expected
            .memory_bytes
            .map_or_else(|| NOTHING.to_owned(), |all| range(all, memory, &numbers::bytes)),
        range(it.expected.p50_ns, p50, &numbers::time),
        range(it.expected.p99_ns, p99, &numbers::time),
        match it.expected.p99_ns > within_ns {
            true => "too late".to_owned(),
            false => format!("{} ×", numbers::significant(it.dollars / cheapest)),
        },
        basis.to_owned(),
    ]
}

/// Cores at two significant digits, however few.
fn cores(number: f64) -> String {
    let decimals = if number > 0.0 { (1.0 - number.log10().floor()).clamp(0.0, 6.0) as usize } else { 0 };
    format!("{number:.decimals$}")
}

/// The situation as a scenario's file, with short polling at this interval.
pub fn scenario_file(situation: &Situation, within_ns: Option<f64>, interval_ns: f64) -> String {
    // A mark of 47 bytes is added to what the file says.
    let payload = |bytes: f64| format!("{} B", (bytes - 47.0).round().max(1.0));
    let rate = |per_s: f64| format!("{}/s", (per_s * 1e4).round() / 1e4);
    let ms = |ns: f64| format!("{}ms", (ns / 1e3).round() / 1e3);
    // Forty events, four polls, and of three repetitions the 1,000 deliveries that bound p99, as far as 12 s have them.
    let per_s = situation.received_per_s().max(0.1);
    let events_s = (40.0 / per_s / situation.channels).max(350.0 / per_s / situation.subscribers);
    let window_s = events_s.max(interval_ns * 4.0 / 1e9).clamp(1.0, 12.0).ceil();
    let warm_up_ns = interval_ns.max(500e6);
    let headers = match situation.headers {
        HeaderProfile::Minimal => "minimal",
        HeaderProfile::Browser => "browser",
        HeaderProfile::BrowserSession => "browser+session",
    };
    let mut file = format!(
        "question = \"What does this situation take?\"\nreading = \"Written by `pushbench advise`.\"\nrepetitions = 3\n\n[events]\nrate = \"{}\"\npayload = \"{}\"\n\n\
         [subscribers]\ncount = {}\nchannels = {}\nadded_delay = \"{}\"\n\n[http]\nheaders = \"{headers}\"\n\n[transport]\ntls = {}\n\n\
         [short_polling]\ninterval = \"{}\"\n\n[phases]\nwarm_up = \"{}\"\nwindow = \"{window_s}s\"\ndrain = \"5s\"\n",
        rate(situation.rate_per_s),
        payload(situation.message_bytes),
        situation.subscribers,
        situation.channels,
        ms(situation.transit_ns[0]),
        situation.tls,
        ms(interval_ns),
        ms(warm_up_ns),
    );
    if situation.uplink_per_s > 0.0 {
        let (rate, payload) = (rate(situation.uplink_per_s), payload(situation.uplink_bytes));
        file += &format!("\n[uplink]\nrate = \"{rate}\"\npayload = \"{payload}\"\nto = \"application\"\n");
    }
    if let Some(within) = within_ns {
        file += &format!("\n[bound]\np99 = \"{}\"\n", ms(within));
    }
    file
}

/// Situations from a seed, for the comparison of the model with measurements that it has not seen; each with the latency that it allows.
pub fn random_situations(seed: u64, count: u32) -> Vec<(Situation, f64)> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let one = |_| {
        let mut between = |low: f64, high: f64| (low.ln() + rng.f64() * (high / low).ln()).exp();
        let subscribers = between(4.0, 400.0).round();
        let rate = between(0.5, 100.0_f64.min(20_000.0 / subscribers));
        let (message, within, up) = (between(60.0, 4_000.0).round(), between(30e6, 2e9), between(0.2, 5.0));
        let [is_two_way, tls, is_apart] = [0.3, 0.3, 0.3].map(|share| rng.f64() < share);
        let situation = Situation {
            subscribers,
            channels: if is_apart { subscribers } else { 1.0 },
            rate_per_s: (rate * 100.0).round() / 100.0,
            message_bytes: message,
            uplink_per_s: if is_two_way { (up * 100.0).round() / 100.0 } else { 0.0 },
            uplink_bytes: if is_two_way { message } else { 0.0 },
            tls,
            headers: HeaderProfile::Browser,
            is_constant: true,
            ..Situation::default()
        };
        (situation, within)
    };
    (0..count).map(one).collect()
}

/// A row's situation with as many events as came in the window: few events are not those of the rate.
fn as_delivered(technique: &TechniqueModel, row: &Row<'_>) -> Situation {
    let due = technique.expect(&row.situation).map_or(0.0, |expected| expected.deliveries);
    let share = if due > 0.0 && row.deliveries > 0.0 { row.deliveries / due } else { 1.0 };
    Situation { rate_per_s: row.situation.rate_per_s * share, ..row.situation }
}

/// How the model compares with runs, by technique: shares of points with bytes for each event within 2 %, CPU and p50 within the range, and
/// how often the recommendation is among those that the measurement cannot tell from the best.
pub fn check(model: &CostModel, evidence: &Evidence) -> String {
    let head = ["technique", "points", "bytes within 2 %", "CPU in range", "p50 in range"];
    let mut lines = Vec::new();
    let rows = rows(evidence, None);
    for technique in &model.techniques {
        let mut counts = [[0_usize; 2]; 3];
        let of_technique = || rows.iter().filter(|row| row.point.technique == technique.slug);
        for row in of_technique() {
            let Some(expected) = technique.expect(&as_delivered(technique, row)) else { continue };
            let bytes = [(row.bytes, row.deliveries), (expected.bytes, expected.deliveries)];
            let pairs = [
                (bytes.map(|(bytes, events)| bytes / events.max(f64::MIN_POSITIVE)), 0.02),
                ([row.cpu_ns, expected.cpu_ns], technique.cpu.spread),
                ([row.latencies[0].unwrap_or(0.0), expected.p50_ns], technique.p50.spread),
            ];
            for ([inside, all], ([measured, expected], spread)) in counts.iter_mut().zip(pairs) {
                if measured > 0.0 {
                    *inside += usize::from((measured / expected).ln().abs() <= spread.min(WIDEST_SPREAD));
                    *all += 1;
                }
            }
        }
        let cells = counts.map(|[inside, all]| format!("{inside} of {all}"));
        lines.push(
            [vec![technique.label.clone(), of_technique().count().to_string()], cells.to_vec()].concat(),
        );
    }
    let mut scenarios: Vec<&str> = evidence.points.iter().map(|point| point.scenario.as_str()).collect();
    scenarios.dedup();
    let (mut agreed, mut all) = (0, 0);
    for scenario in scenarios {
        let Some(row) = rows.iter().find(|row| row.point.scenario == scenario) else { continue };
        let Some(trial) = evidence.trials(row.point).next() else { continue };
        let Some(within) = trial.record.settings.bound.as_ref().map(|bound| bound.p99_ns as f64) else {
            continue;
        };
        let Some((candidates, _, measured)) =
            recommend::measured(evidence, scenario, &BTreeMap::new(), Some(within))
        else {
            continue;
        };
        let advice = advise(model, &row.situation, Some(within), true);
        let Some(expected) = &advice.recommendation else { continue };
        let taken = &advice.prospects[expected.best[0]].slug;
        agreed += usize::from(measured.best.iter().any(|place| candidates[*place].slug == *taken));
        all += 1;
    }
    format!(
        "{}\nrecommendation among the measured ties: {agreed} of {all} scenarios\n",
        aligned(&head, &lines, 1..head.len())
    )
}
