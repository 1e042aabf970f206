//! The model's coefficients from the evidence: bytes from theory with recorded heads, the rest by least squares of relative errors.
//!
//! Coefficients are never negative: work that costs less than nothing would be noise.

use std::array::from_fn;

use model::settings::{Client, HeaderProfile, ShortPolling};
use model::trial::{RecordedHead, TrialOutcome};
use theory::Case;
use theory::case::{Compression, Date, Direction, Message, Security, Version};
use theory::prediction::{Both, layer};

use super::{
    ByteModel, CostModel, CpuModel, Expected, Kind, LatencyModel, MODEL_VERSION, MemoryModel, Situation,
    Steps, TechniqueModel, Work, prices, way,
};
use crate::catalogue::metric;
use crate::evidence::{Evidence, Point};
use crate::theory_check::exchange;

/// Share of measurements that a spread holds.
const WITHIN_SPREAD: f64 = 0.85;
/// How long a server may stay awake after work, as candidates, ns.
const BUSY_NS: [f64; 7] = [0.0, 20e3, 50e3, 100e3, 200e3, 500e3, 1e6];
/// Fewer subscribers do not tell their memory from that of the server.
const ENOUGH_SUBSCRIBERS: f64 = 20.0;
/// The longest message whose steps are looked for; above it rustls decides where it cuts.
const LONGEST: u64 = 65_536;

/// A point that the model speaks of, with what was measured of it, per second.
pub struct Row<'e> {
    pub point: &'e Point,
    /// What was set.
    pub situation: Situation,
    /// Bytes in both directions.
    pub bytes: f64,
    /// Messages that were delivered.
    pub deliveries: f64,
    /// CPU time of the server, ns; zero where it could not be read.
    pub cpu_ns: f64,
    /// The median latency, and p99; none where too few events bound it.
    pub latencies: [Option<f64>; 2],
    /// Memory of the server for a connection.
    memory: Option<f64>,
    work: Work,
    requests: f64,
    control_bytes: f64,
    warm_up_ns: f64,
}

/// Fits the model to all own points that it speaks of.
pub fn fit(evidence: &Evidence) -> CostModel {
    let newest = &evidence.runs[0].manifest;
    let mut techniques: Vec<TechniqueModel> = Vec::new();
    for info in evidence.techniques() {
        let rows = rows(evidence, Some(&info.slug));
        if rows.is_empty() {
            continue;
        }
        let mut model = TechniqueModel {
            slug: info.slug.clone(),
            label: info.label.clone(),
            baseline: info.baseline,
            kind: kind(&info.slug, &rows),
            bytes: Vec::new(),
            cpu: CpuModel::default(),
            memory: [false, true].into_iter().filter_map(|tls| memory(&rows, tls)).collect(),
            p50: LatencyModel::default(),
            p99: LatencyModel::default(),
            covered: covered(&rows),
        };
        [model.p50, model.p99] = [0, 1].map(|place| latency(&model, &rows, place));
        model.bytes = bytes(evidence, &model, &rows);
        model.cpu = cpu(&model, &rows);
        techniques.push(model);
    }
    share(&mut techniques);
    for model in &mut techniques {
        spreads(model, &rows(evidence, Some(&model.slug)));
    }
    CostModel {
        schema_version: MODEL_VERSION,
        pushbench: newest.pushbench.clone(),
        commit: newest.commit.clone(),
        runs: evidence.runs.len(),
        prices: prices(),
        techniques,
    }
}

/// The own points that the model speaks of, of one technique or of all.
pub fn rows<'e>(evidence: &'e Evidence, technique: Option<&str>) -> Vec<Row<'e>> {
    let is_meant = |point: &&Point| point.is_own() && technique.is_none_or(|slug| point.technique == slug);
    evidence.points.iter().filter(is_meant).filter_map(|point| row(evidence, point)).collect()
}

fn row<'e>(evidence: &'e Evidence, point: &'e Point) -> Option<Row<'e>> {
    let settings = &evidence.trials(point).next()?.record.settings;
    let situation = Situation::of(settings)?;
    let outcomes: Vec<&TrialOutcome> =
        evidence.trials(point).filter_map(|trial| trial.record.result.outcome()).collect();
    let sum = |of: &dyn Fn(&TrialOutcome) -> u64| outcomes.iter().map(|it| of(it)).sum::<u64>() as f64;
    let cpu_ns: f64 = outcomes.iter().map(|it| it.standard_cpu_ns()).sum();
    let seconds = sum(&|it| it.cost.elapsed_ns) / 1e9;
    let per_second = |of: &dyn Fn(&TrialOutcome) -> u64| sum(of) / seconds;
    let value = |key: &str| Some(evidence.estimate(point, metric(key)?)?.value);
    let work = Work {
        wakes: situation.rate_per_s * situation.channels,
        responses: per_second(&|it| it.counts.responses),
        empties: per_second(&|it| it.counts.empty_responses),
        up: per_second(&|it| it.counts.uplink_sent),
        bytes: per_second(&|it| it.bytes.window.wire()),
    };
    (seconds > 0.0).then(|| Row {
        point,
        situation,
        bytes: work.bytes,
        deliveries: per_second(&|it| it.counts.events_in_window),
        cpu_ns: cpu_ns / seconds,
        latencies: [value("p50"), value("p99")],
        memory: value("memory").filter(|bytes| *bytes > 0.0),
        work,
        requests: per_second(&|it| it.counts.requests),
        control_bytes: per_second(&|it| it.bytes.window.up.control + it.bytes.window.down.control),
        warm_up_ns: settings.phases.warm_up_ns as f64,
    })
}

/// Who asks whom, by the requests of one-way points.
fn kind(slug: &str, rows: &[Row<'_>]) -> Kind {
    let of = |of: fn(&Row<'_>) -> f64| rows.iter().filter(|row| row.work.up == 0.0).map(of).sum::<f64>();
    if slug == ShortPolling::TECHNIQUE {
        Kind::Interval
    } else if of(|row| row.requests) > 0.5 * of(|row| row.work.responses) {
        Kind::Held
    } else {
        Kind::Push
    }
}

fn covered(rows: &[Row<'_>]) -> Vec<[f64; 5]> {
    let point = |Row { situation: it, .. }: &Row<'_>| {
        let tls = if it.tls { 1.0 } else { 0.0 };
        [it.received_per_s(), it.message_bytes, it.subscribers, tls, it.uplink_per_s]
    };
    let mut points: Vec<[f64; 5]> = rows.iter().map(point).collect();
    points.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    points.dedup();
    points
}

/// What all techniques share: TLS, which few points have, and what an answer takes beside the wait of a poll, which hides it.
fn share(techniques: &mut [TechniqueModel]) {
    let known = techniques.iter().map(|model| model.cpu.tls).filter(|tls| *tls > 0.0).collect();
    let tls = median(known).map_or(1.0, |tls| tls.max(1.0));
    let held = techniques.iter().find(|it| it.kind == Kind::Held).map(|it| [it.p50, it.p99]);
    for model in techniques {
        model.cpu.tls = tls;
        if let (Kind::Interval, Some(held)) = (model.kind, held) {
            [model.p50, model.p99] = held;
        }
    }
}

fn spreads(model: &mut TechniqueModel, rows: &[Row<'_>]) {
    let of = |measured: fn(&Row<'_>) -> Option<f64>, expected: fn(&Expected) -> f64| {
        let errors = rows.iter().filter_map(|row| {
            let (measured, expected) = (measured(row)?, expected(&model.expect(&row.situation)?));
            (measured > 0.0 && expected > 0.0).then(|| (measured / expected).ln())
        });
        spread(errors)
    };
    let cpu = of(|row| Some(row.cpu_ns), |it| it.cpu_ns);
    let p50 = of(|row| row.latencies[0], |it| it.p50_ns);
    let p99 = of(|row| row.latencies[1], |it| it.p99_ns);
    (model.cpu.spread, model.p50.spread, model.p99.spread) = (cpu, p50, p99);
}

/// The size that most logarithms of errors do not exceed; infinite without any, since nothing is known then.
fn spread(errors: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = errors.map(f64::abs).collect();
    sizes.sort_by(f64::total_cmp);
    let place = (sizes.len() as f64 * WITHIN_SPREAD).ceil() as usize;
    // JSON has no infinity.
    place.checked_sub(1).map_or(9.0, |place| sizes[place])
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]))
}

/// Memory of a connection: the slope through the origin, so that many subscribers count more.
fn memory(rows: &[Row<'_>], tls: bool) -> Option<MemoryModel> {
    let known: Vec<(f64, f64)> = rows
        .iter()
        .filter(|row| row.situation.tls == tls && row.situation.subscribers >= ENOUGH_SUBSCRIBERS)
        .filter_map(|row| Some((row.situation.subscribers, row.memory?)))
        .collect();
    let weight: f64 = known.iter().map(|(count, _)| count * count).sum();
    let bytes = known.iter().map(|(count, bytes)| count * count * bytes).sum::<f64>() / weight;
    let errors = known.iter().map(|(_, memory)| (memory / bytes).ln());
    (weight > 0.0).then(|| MemoryModel { tls, bytes, spread: spread(errors) })
}

fn latency(model: &TechniqueModel, rows: &[Row<'_>], place: usize) -> LatencyModel {
    let (mut features, mut measured, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let Some(latency) = row.latencies[place] else { continue };
        let [hops, transit] = way(&row.situation);
        features.push([hops, row.situation.per_channel()]);
        measured.push(latency);
        known.push(transit + model.waiting(&row.situation, [0.5, 0.99][place]));
    }
    let [fixed_ns, subscriber_ns] = least_squares(&features, &measured, &known).0;
    LatencyModel { fixed_ns, subscriber_ns, spread: 0.0 }
}

fn cpu(model: &TechniqueModel, rows: &[Row<'_>]) -> CpuModel {
    let work = |row: &Row<'_>| {
        let of = model.expect(&row.situation).map(|expected| model.work(&row.situation, &expected));
        let wakes = of.map_or(row.work.wakes + row.work.up, |work| work.wakes);
        // Heartbeats are not counted, and hardly any are due between events.
        let beats = of.map_or(0.0, |work| work.empties).max(0.0);
        let beats = if beats > 0.01 * row.work.responses { beats } else { 0.0 };
        Work { wakes, empties: if model.kind == Kind::Push { beats } else { row.work.empties }, ..row.work }
    };
    let plain: Vec<&Row<'_>> = rows.iter().filter(|row| !row.situation.tls && row.cpu_ns > 0.0).collect();
    let measured: Vec<f64> = plain.iter().map(|row| row.cpu_ns).collect();
    let fitted = BUSY_NS.iter().map(|busy_ns| {
        let features: Vec<[f64; 6]> = plain.iter().map(|row| work(row).features(*busy_ns)).collect();
        let (coefficients, error) = least_squares(&features, &measured, &vec![0.0; measured.len()]);
        (error, *busy_ns, coefficients)
    });
    let Some((_, busy_ns, coefficients)) = fitted.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return CpuModel::default();
    };
    let [idle, wake, response, empty, up, byte] = coefficients;
    let is_known = |of: fn(&Work) -> f64| plain.iter().any(|row| of(&row.work) > 0.0);
    let mut cpu = CpuModel { idle, wake, response, empty, up, byte, busy_ns, tls: 0.0, spread: 0.0 };
    // What never happened costs what an answer does.
    if model.kind != Kind::Push && !is_known(|work| work.empties) {
        cpu.empty = response;
    }
    let with_tls = rows.iter().filter(|row| row.situation.tls && row.cpu_ns > 0.0);
    let factors = with_tls.map(|row| (row.cpu_ns / cpu.of(work(row), false)).ln()).collect();
    cpu.tls = median(factors).map_or(0.0, f64::exp);
    cpu
}

/// Coefficients ≥ 0 of features, for the least squares of relative errors of `known` + their sum; and the sum of squares. The median
/// of the errors is zero in the end, where what is fitted is most of what was measured.
pub(super) fn least_squares<const N: usize>(
    features: &[[f64; N]],
    measured: &[f64],
    known: &[f64],
) -> ([f64; N], f64) {
    let mut weights: Vec<f64> = measured.iter().map(|y| 1.0 / (y * y)).collect();
    let mut best = [0.0; N];
    let sum = |best: &[f64; N], row: &[f64; N]| row.iter().zip(best).map(|(x, b)| x * b).sum::<f64>();
    for _ in 0..8 {
        let rest: Vec<f64> = measured.iter().zip(known).map(|(y, known)| y - known).collect();
        best = nonnegative(features, &rest, &weights);
        for (place, row) in features.iter().enumerate() {
            // Dividing by measurement and model alike favours neither too much nor too little.
            let model = (known[place] + sum(&best, row)).max(measured[place] / 10.0);
            // Beyond 30 %, an error counts as its size and not as its square (Huber): some trials take three times as long.
            let far = (measured[place] / model).ln().abs() / 0.3;
            weights[place] = 1.0 / (measured[place] * model) / far.max(1.0);
        }
    }
    let places = (0..measured.len()).filter(|place| known[*place] < 0.2 * measured[*place]);
    let errors = places.map(|place| {
        let of = (measured[place] - known[place]) / sum(&best, &features[place]);
        of.ln()
    });
    let errors: Vec<f64> = errors.filter(|error| error.is_finite()).collect();
    let factor = median(errors).map_or(1.0, f64::exp);
    best.iter_mut().for_each(|value| *value *= factor);
    let squares = features.iter().enumerate().map(|(place, row)| {
        let model = known[place] + sum(&best, row);
        (measured[place] / model.max(measured[place] / 100.0)).ln().powi(2)
    });
    let error = squares.sum();
    (best, error)
}

/// Coefficients ≥ 0 of the weighted least squares, by coordinate descent on the normal equations.
fn nonnegative<const N: usize>(features: &[[f64; N]], y: &[f64], weights: &[f64]) -> [f64; N] {
    const SWEEPS: usize = 5_000;
    let sum = |of: &dyn Fn(usize) -> f64| (0..y.len()).map(|row| weights[row] * of(row)).sum::<f64>();
    // Each feature in units of its own size, since bytes and wakes differ by many powers of ten.
    let size: [f64; N] = from_fn(|a| sum(&|row| features[row][a].powi(2)).sqrt());
    let x = |row: usize, a: usize| features[row][a] / size[a];
    let products: [[f64; N]; N] = from_fn(|a| from_fn(|b| sum(&|row| x(row, a) * x(row, b))));
    let with_y: [f64; N] = from_fn(|a| sum(&|row| x(row, a) * y[row]));
    let known: Vec<usize> = (0..N).filter(|a| size[*a] > 0.0).collect();
    let mut best = [0.0; N];
    for _ in 0..SWEEPS {
        let mut change: f64 = 0.0;
        for a in &known {
            let others: f64 = known.iter().filter(|b| *b != a).map(|b| products[*a][*b] * best[*b]).sum();
            let better = (with_y[*a] - others).max(0.0);
            change = change.max((better - best[*a]).abs());
            best[*a] = better;
        }
        if change <= 1e-12 * best.iter().sum::<f64>() {
            break;
        }
    }
    from_fn(|a| if size[a] > 0.0 { best[a] / size[a] } else { 0.0 })
}

/// Bytes for each set of headers that heads were recorded with, without TLS and with it.
fn bytes(evidence: &Evidence, model: &TechniqueModel, rows: &[Row<'_>]) -> Vec<ByteModel> {
    const PROFILES: [HeaderProfile; 3] =
        [HeaderProfile::Minimal, HeaderProfile::Browser, HeaderProfile::BrowserSession];
    let mut models = Vec::new();
    for headers in PROFILES {
        for tls in [false, true] {
            let theory = Theory { evidence, model, headers, tls };
            models.extend(theory.bytes(heartbeat(model, rows, tls)));
        }
    }
    models
}

/// Bytes of a sign of life, as measured where silence lasted long enough to bring one.
fn heartbeat(model: &TechniqueModel, rows: &[Row<'_>], tls: bool) -> f64 {
    let silent = |row: &&Row<'_>| {
        row.situation.tls == tls
            && row.situation.heartbeat_ns > 0.0
            && row.warm_up_ns + 1e9 >= row.situation.heartbeat_ns
    };
    let [bytes, beats] = rows.iter().filter(silent).fold([0.0, 0.0], |[bytes, beats], row| {
        let [_, empties] = model.exchanges(&row.situation);
        [bytes + row.control_bytes, beats + empties * row.situation.subscribers]
    });
    if beats > 0.0 { bytes / beats } else { 0.0 }
}

struct Theory<'a> {
    evidence: &'a Evidence,
    model: &'a TechniqueModel,
    headers: HeaderProfile,
    tls: bool,
}

impl Theory<'_> {
    fn bytes(&self, heartbeat: f64) -> Option<ByteModel> {
        let carries = |head: &RecordedHead| !matches!(head.exchange.as_str(), "post" | "empty-poll");
        let head = self.head(&self.model.slug, &carries);
        let down = |payload, seq| self.steady(head, Direction::Down, payload, seq, 1);
        let framing = |both: &Both| -> u64 {
            let of = |layer| both.up.bytes(layer) + both.down.bytes(layer);
            [layer::MESSAGE_FRAMING, layer::ENGINE_IO, layer::SOCKET_IO].into_iter().map(of).sum()
        };
        let first = down(1, 1)?;
        let digit = (down(1, 1_000_000)?.wire() as f64 - first.wire() as f64) / 6.0;
        let uplink = self.uplink(head);
        let own = ByteModel {
            headers: self.headers,
            tls: self.tls,
            message: Steps::default(),
            exchange: 0.0,
            content: Steps::default(),
            empty: heartbeat,
            digit,
            uplink,
        };
        if self.model.kind == Kind::Push {
            let message = steps(|length| Some(down(length, 1)?.wire() - length));
            return Some(ByteModel { message, ..own });
        }
        let each = framing(&first);
        let exchange = first.wire() - 1 - each;
        let content = steps(|length| {
            Some(down(length.saturating_sub(each).max(1), 1)?.wire() - exchange - length.max(1 + each))
        });
        let empty = self.empty(head).map_or(exchange as f64, |both| both.wire() as f64);
        let message = steps(|length| Some(framing(&down(length, 1)?)));
        Some(ByteModel { message, exchange: exchange as f64, content, empty, ..own })
    }

    /// A poll that finds nothing: its recorded head, or that of one with events, without what speaks of content.
    fn empty(&self, head: Option<&RecordedHead>) -> Option<Both> {
        let recorded = self.head(&self.model.slug, &|head| head.exchange == "empty-poll").cloned();
        let made = || {
            let mut head = head?.clone();
            head.status = 204;
            head.response.retain(|(name, _)| !name.starts_with("content-"));
            Some(head)
        };
        self.steady(recorded.or_else(made).as_ref(), Direction::Down, 1, 1, 0)
    }

    /// A subscriber's own message: by POST, of which another technique's head does as well, or where the events come from.
    fn uplink(&self, head: Option<&RecordedHead>) -> Option<Steps> {
        let is_post = |head: &RecordedHead| head.exchange == "post";
        let asks = head.is_some_and(|head| matches!(head.exchange.as_str(), "poll" | "stream"));
        let slugs = || self.evidence.techniques().map(|info| info.slug.as_str());
        let post = || slugs().find_map(|slug| self.head(slug, &is_post));
        let head = if asks { self.head(&self.model.slug, &is_post).or_else(post) } else { head };
        if asks && head.is_none() {
            return None;
        }
        let up = |length| Some(self.steady(head, Direction::Up, length, 1, 1)?.wire() - length);
        up(1)?;
        Some(steps(up))
    }

    /// A recorded head of this technique, with these headers if there is one: frames have none.
    fn head(&self, slug: &str, wanted: &dyn Fn(&RecordedHead) -> bool) -> Option<&RecordedHead> {
        let of = |headers: Option<HeaderProfile>| {
            let points = self.evidence.points.iter().filter(|it| it.technique == slug && it.target.is_none());
            let trials = points.flat_map(|point| self.evidence.trials(point));
            let fits = |trial: &&crate::Trial| {
                let settings = &trial.record.settings;
                Situation::of(settings).is_some()
                    && settings.client == Client::Native
                    && headers.is_none_or(|headers| settings.http.headers == headers)
            };
            let outcomes = trials.filter(fits).filter_map(|trial| trial.record.result.outcome());
            outcomes.flat_map(|outcome| &outcome.heads).find(|head| wanted(head))
        };
        of(Some(self.headers))
            .or_else(|| of(None).filter(|_| self.model.kind == Kind::Push && slug == self.model.slug))
    }

    fn steady(
        &self,
        head: Option<&RecordedHead>,
        direction: Direction,
        payload: u64,
        seq: u64,
        batch: u64,
    ) -> Option<Both> {
        let case = Case {
            direction,
            message: Message { payload, stamp: 0 },
            seq,
            batch,
            head: None,
            preamble: 0,
            version: Version::Http1,
            security: if self.tls { Security::Tls } else { Security::Plain },
            compression: Compression::None,
            date: Date::Unknown,
        };
        exchange(head, &self.model.slug, case)
    }
}

/// Where a function that never falls changes, by halving.
fn steps(of: impl Fn(u64) -> Option<u64>) -> Steps {
    fn between(
        of: &dyn Fn(u64) -> Option<u64>,
        low: (u64, u64),
        high: (u64, u64),
        steps: &mut Vec<[f64; 2]>,
    ) {
        if low.1 == high.1 {
            return;
        }
        if high.0 - low.0 == 1 {
            steps.push([high.0 as f64, high.1 as f64]);
            return;
        }
        let middle = low.0.midpoint(high.0);
        let Some(value) = of(middle) else { return };
        between(of, low, (middle, value), steps);
        between(of, (middle, value), high, steps);
    }
    let (Some(first), Some(last)) = (of(1), of(LONGEST)) else { return Steps::default() };
    let mut found = vec![[1.0, first as f64]];
    between(&of, (1, first), (LONGEST, last), &mut found);
    Steps(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_recovered_from_noisy_measurements() {
        let mut rng = fastrand::Rng::with_seed(3);
        let truth = [300e3, 30e3, 4e3, 0.0];
        let features: Vec<[f64; 4]> = (0..60)
            .map(|_| [1.0, 10f64.powf(rng.f64() * 3.0), 10f64.powf(rng.f64() * 4.0), rng.f64() * 100.0])
            .collect();
        let clean = features.iter().map(|row| row.iter().zip(truth).map(|(x, b)| x * b).sum::<f64>());
        // Errors of 10 % to either side, and every tenth trial takes three times as long.
        let measured: Vec<f64> = clean
            .enumerate()
            .map(|(place, y)| y * (0.9 + 0.2 * rng.f64()) * if place % 10 == 0 { 3.0 } else { 1.0 })
            .collect();
        let (found, _) = least_squares(&features, &measured, &[0.0; 60]);
        for (found, truth) in found.iter().zip(truth).take(3) {
            assert!((found / truth).ln().abs() < 0.15, "{found} instead of {truth}");
        }
        assert!(found[3] < 1e3, "{found:?}");
    }

    #[test]
    fn what_is_known_already_is_not_fitted() {
        let features: Vec<[f64; 2]> = (1..20).map(|place| [1.0, f64::from(place)]).collect();
        let known: Vec<f64> = (1..20).map(|place| f64::from(place) * 10.0).collect();
        let measured: Vec<f64> =
            features.iter().zip(&known).map(|([one, x], known)| 500.0 * one + 7.0 * x + known).collect();
        let ([one, x], error) = least_squares(&features, &measured, &known);
        assert!((one - 500.0).abs() < 1.0 && (x - 7.0).abs() < 0.1 && error < 1e-6, "{one} {x} {error}");
    }

    #[test]
    fn steps_stand_where_the_function_changes() {
        let header = |length: u64| {
            Some(if length < 126 {
                2
            } else if length < 65_536 {
                4
            } else {
                10
            })
        };
        assert_eq!(steps(header), Steps(vec![[1.0, 2.0], [126.0, 4.0], [65_536.0, 10.0]]));
        assert_eq!([100.0, 126.0, 1e6].map(|length| steps(header).at(length)), [2.0, 4.0, 10.0]);
    }
}
