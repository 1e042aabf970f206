//! The model's coefficients from the evidence: bytes from theory with recorded heads, the rest by least squares of relative errors.
//!
//! Coefficients are never negative: work that costs less than nothing would be noise.

use std::array::from_fn;
use std::collections::{BTreeMap, BTreeSet};

use model::settings::{Client, HeaderProfile, ShortPolling};
use model::trial::{CoreSpeed, RecordedHead, STANDARD_EXCHANGE_NS, TrialOutcome};
use theory::Case;
use theory::case::{Compression, Date, Direction, Message, Security, Version};
use theory::prediction::{Both, layer};

use super::{
    ByteModel, Cold, CostModel, CpuModel, Kind, LatencyModel, MODEL_VERSION, MemoryModel, Situation, Steps,
    TechniqueModel, WIDEST_SPREAD, Work, prices, way,
};
use crate::catalogue::metric;
use crate::evidence::{Evidence, Point};
use crate::proxies;
use crate::theory_check::exchange;

/// Share of measurements that a spread holds, and the least that a range may hold.
const WITHIN_SPREAD: [f64; 2] = [0.85, 0.8];
/// Parts into which scenarios are divided, to see how far the model is from what it was not fitted to.
const PARTS: usize = 8;
/// What fits well on both machines where the feeds and random situations were measured on 2026-11-30, between 1 and 7,000 wakes a second.
/// Another factor, for connections that were silent, was tried: scenarios that the model was not fitted to lay farther from it.
const COLD: Cold = Cold { core: 4.0, core_per_s: 250.0 };
/// A server that was started just before still touches its memory for the first time.
const LEAST_WARM_UP_NS: f64 = 200e6;
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
    let of_machine = evidence.on_the_machine_with_most_points();
    let (mut techniques, mut all): (Vec<TechniqueModel>, Vec<Vec<Row<'_>>>) = (Vec::new(), Vec::new());
    for info in evidence.techniques() {
        let rows = rows(&of_machine, Some(&info.slug));
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
            cold: COLD,
            memory: [false, true].into_iter().filter_map(|tls| memory(&rows, tls)).collect(),
            p50: LatencyModel::default(),
            p99: LatencyModel::default(),
            covered: covered(&rows),
        };
        model.bytes = bytes(evidence, &model, &rows);
        techniques.push(model);
        all.push(rows);
    }
    let spreads = spreads(&techniques, &all);
    costs(&mut techniques, &select(&all, |_| true));
    for model in &mut techniques {
        [model.cpu.spread, model.p50.spread, model.p99.spread] = spreads;
    }
    CostModel {
        schema_version: MODEL_VERSION,
        pushbench: newest.pushbench.clone(),
        commit: newest.commit.clone(),
        machine: of_machine.runs[0].manifest.host.cpu.clone(),
        runs: of_machine.runs.len(),
        prices: prices(),
        behind: proxies::cells(evidence, "proxies"),
        techniques,
    }
}

/// The rows that count, by technique.
fn select<'r, 'e>(all: &'r [Vec<Row<'e>>], counts: impl Fn(&Row<'_>) -> bool) -> Vec<Vec<&'r Row<'e>>> {
    all.iter().map(|rows| rows.iter().filter(|row| counts(row)).collect()).collect()
}

/// CPU and latency of techniques, each from its rows.
fn costs(techniques: &mut [TechniqueModel], rows: &[Vec<&Row<'_>>]) {
    for (model, rows) in techniques.iter_mut().zip(rows) {
        [model.p50, model.p99] = [0, 1].map(|place| latency(model, rows, place));
    }
    cpu(techniques, rows);
    share(techniques);
}

/// The own points that the model speaks of, of one technique or of all.
pub fn rows<'e>(evidence: &'e Evidence, technique: Option<&str>) -> Vec<Row<'e>> {
    let is_meant = |point: &&Point| point.is_own() && technique.is_none_or(|slug| point.technique == slug);
    evidence.points.iter().filter(is_meant).filter_map(|point| row(evidence, point)).collect()
}

fn row<'e>(evidence: &'e Evidence, point: &'e Point) -> Option<Row<'e>> {
    let settings = &evidence.trials(point).next()?.record.settings;
    let exchanges = evidence.trials(point).filter_map(|trial| {
        trial.record.result.outcome()?.instrument.server_core_speed.and_then(CoreSpeed::exchange_ns)
    });
    let slowness = median(exchanges.collect()).map_or(1.0, |exchange_ns| exchange_ns / STANDARD_EXCHANGE_NS);
    let situation = Situation { slowness, ..Situation::of(settings)? };
    let outcomes: Vec<&TrialOutcome> =
        evidence.trials(point).filter_map(|trial| trial.record.result.outcome()).collect();
    let sum = |of: &dyn Fn(&TrialOutcome) -> u64| outcomes.iter().map(|it| of(it)).sum::<u64>() as f64;
    let cpu_ns: f64 = evidence.trials(point).map(crate::Trial::standard_cpu_ns).sum();
    let seconds = sum(&|it| it.cost.elapsed_ns) / 1e9;
    let per_second = |of: &dyn Fn(&TrialOutcome) -> u64| sum(of) / seconds;
    let value = |key: &str| Some(evidence.estimate(point, metric(key)?)?.value);
    let counted = [
        per_second(&|it| it.counts.responses),
        per_second(&|it| it.counts.empty_responses),
        per_second(&|it| it.counts.uplink_sent),
        per_second(&|it| it.bytes.window.wire()),
    ];
    // Events that are held for a request and those that are pushed wake the server alike.
    let kind = if point.technique == ShortPolling::TECHNIQUE { Kind::Interval } else { Kind::Push };
    let work = Work::new(kind, &situation, counted);
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
    let tls = median(known).map_or(0.0, |tls| tls.max(1.0));
    let held = techniques.iter().find(|it| it.kind == Kind::Held).map(|it| [it.p50, it.p99]);
    for model in techniques {
        model.cpu.tls = tls;
        if let (Kind::Interval, Some(held)) = (model.kind, held) {
            [model.p50, model.p99] = held;
        }
    }
}

/// How far CPU, p50 and p99 of scenarios lie from a model that has not seen them: the scenarios are divided into parts, and each part is
/// compared with the model of all others (cross-validation: Hastie, Tibshirani & Friedman, *The Elements of Statistical Learning*, §7.10).
/// Of all techniques together, which share most of the model.
fn spreads(techniques: &[TechniqueModel], all: &[Vec<Row<'_>>]) -> [f64; 3] {
    let scenarios: BTreeSet<&str> = all.iter().flatten().map(|row| row.point.scenario.as_str()).collect();
    let part_of: BTreeMap<&str, usize> = scenarios.into_iter().zip((0..PARTS).cycle()).collect();
    let mut errors: [Vec<f64>; 3] = Default::default();
    for part in 0..PARTS {
        let is_in = |row: &Row<'_>| part_of[row.point.scenario.as_str()] == part;
        let mut others = techniques.to_vec();
        costs(&mut others, &select(all, |row| !is_in(row)));
        let rows = select(all, |row| is_in(row) && row.warm_up_ns >= LEAST_WARM_UP_NS);
        for (model, row) in
            others.iter().zip(rows).flat_map(|(model, rows)| rows.into_iter().map(move |row| (model, row)))
        {
            let Some(expected) = model.expect(&row.situation) else { continue };
            let pairs = [
                (Some(row.cpu_ns), expected.cpu_ns),
                (row.latencies[0], expected.p50_ns),
                (row.latencies[1], expected.p99_ns),
            ];
            for (errors, (measured, expected)) in errors.iter_mut().zip(pairs) {
                let error = measured.map(|measured| (measured / expected).ln());
                errors.extend(error.filter(|error| error.is_finite()));
            }
        }
    }
    errors.map(|errors| spread(errors.into_iter()))
}

/// The size that most logarithms of errors do not exceed, as far as a range may be wide; infinite without any, since nothing is known then.
fn spread(errors: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = errors.map(f64::abs).collect();
    sizes.sort_by(f64::total_cmp);
    // JSON has no infinity.
    let size = |share: f64| {
        let place = (sizes.len() as f64 * share).ceil() as usize;
        place.checked_sub(1).map_or(9.0, |place| sizes[place])
    };
    let [most, enough] = WITHIN_SPREAD.map(size);
    if enough <= WIDEST_SPREAD { most.min(WIDEST_SPREAD) } else { most }
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

fn latency(model: &TechniqueModel, rows: &[&Row<'_>], place: usize) -> LatencyModel {
    let (mut features, mut measured, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let Some(latency) = row.latencies[place] else { continue };
        let [hops, transit] = way(&row.situation);
        let factor = model.cold.factor(row.work) * row.situation.slowness;
        features.push(vec![hops * factor, row.situation.per_channel() * factor]);
        measured.push(latency);
        known.push(transit + model.waiting(&row.situation, [0.5, 0.99][place]));
    }
    if measured.is_empty() {
        return LatencyModel::default();
    }
    let best = least_squares(&features, &measured, &known);
    LatencyModel { fixed_ns: best[0], subscriber_ns: best[1], spread: 0.0 }
}

/// All techniques together, since they share what wakes the server, stores an event and copies a byte.
fn cpu(techniques: &mut [TechniqueModel], all: &[Vec<&Row<'_>>]) {
    const SHARED: usize = 3;
    const OWN: usize = 3;
    let work = |model: &TechniqueModel, row: &Row<'_>| {
        let of = model.expect(&row.situation).map(|expected| model.work(&row.situation, &expected));
        // Heartbeats are not counted, and hardly any are due between events.
        let beats = of.map_or(0.0, |work| work.empties).max(0.0);
        let beats = if beats > 0.01 * row.work.responses { beats } else { 0.0 };
        Work { empties: if model.kind == Kind::Push { beats } else { row.work.empties }, ..row.work }
    };
    let is_known = |row: &&&Row<'_>| row.cpu_ns > 0.0 && row.warm_up_ns >= LEAST_WARM_UP_NS;
    let (mut features, mut measured) = (Vec::new(), Vec::new());
    for (place, (model, rows)) in techniques.iter().zip(all).enumerate() {
        for row in rows.iter().filter(is_known).filter(|row| !row.situation.tls) {
            let work = work(model, row);
            let (shared, own) = work.features(model.cold.factor(work));
            let mut line = vec![0.0; SHARED + OWN * techniques.len()];
            line[..SHARED].copy_from_slice(&shared);
            line[SHARED + OWN * place..][..OWN].copy_from_slice(&own);
            features.push(line);
            measured.push(row.cpu_ns);
        }
    }
    if measured.is_empty() {
        return;
    }
    let best = least_squares(&features, &measured, &vec![0.0; measured.len()]);
    for (place, (model, rows)) in techniques.iter_mut().zip(all).enumerate() {
        let own = &best[SHARED + OWN * place..][..OWN];
        let [wake, store, byte] = from_fn(|shared| best[shared]);
        let [response, empty, up] = from_fn(|place| own[place]);
        let mut cpu = CpuModel { wake, store, byte, response, empty, up, tls: 0.0, spread: 0.0 };
        // What never happened costs what an answer does.
        if model.kind != Kind::Push && rows.iter().all(|row| row.work.empties == 0.0) {
            cpu.empty = response;
        }
        // TLS against what the same work takes without it.
        let with_tls = rows.iter().filter(is_known).filter(|row| row.situation.tls);
        let factors = with_tls.map(|row| {
            let work = work(model, row);
            (row.cpu_ns / cpu.of(work, model.cold.factor(work), false)).ln()
        });
        cpu.tls = median(factors.filter(|it| it.is_finite()).collect()).map_or(0.0, f64::exp);
        model.cpu = cpu;
    }
}

/// Coefficients ≥ 0 of features, for the least squares of relative errors of `known` + their sum. The median of the errors is zero in the
/// end, where what is fitted is most of what was measured.
pub(super) fn least_squares(features: &[Vec<f64>], measured: &[f64], known: &[f64]) -> Vec<f64> {
    let mut weights: Vec<f64> = measured.iter().map(|y| 1.0 / (y * y)).collect();
    let mut best = vec![0.0; features.first().map_or(0, Vec::len)];
    let sum = |best: &[f64], row: &[f64]| row.iter().zip(best).map(|(x, b)| x * b).sum::<f64>();
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
    let errors = places.map(|place| ((measured[place] - known[place]) / sum(&best, &features[place])).ln());
    let errors: Vec<f64> = errors.filter(|error| error.is_finite()).collect();
    let factor = median(errors).map_or(1.0, f64::exp);
    best.iter_mut().for_each(|value| *value *= factor);
    best
}

/// Coefficients ≥ 0 of the weighted least squares, by coordinate descent on the normal equations.
fn nonnegative(features: &[Vec<f64>], y: &[f64], weights: &[f64]) -> Vec<f64> {
    const SWEEPS: usize = 2_000;
    let columns = features.first().map_or(0, Vec::len);
    let sum = |of: &dyn Fn(usize) -> f64| (0..y.len()).map(|row| weights[row] * of(row)).sum::<f64>();
    // Each feature in units of its own size, since bytes and wakes differ by many powers of ten.
    let size: Vec<f64> = (0..columns).map(|a| sum(&|row| features[row][a].powi(2)).sqrt()).collect();
    let known: Vec<usize> = (0..columns).filter(|a| size[*a] > 0.0).collect();
    let x = |row: usize, a: usize| features[row][a] / size[a];
    let product = |a: usize| known.iter().map(|b| sum(&|row| x(row, a) * x(row, *b))).collect::<Vec<f64>>();
    let products: Vec<Vec<f64>> = known.iter().map(|a| product(*a)).collect();
    let with_y: Vec<f64> = known.iter().map(|a| sum(&|row| x(row, *a) * y[row])).collect();
    let mut best = vec![0.0; known.len()];
    for _ in 0..SWEEPS {
        let mut change: f64 = 0.0;
        for a in 0..known.len() {
            let all: f64 = products[a].iter().zip(&best).map(|(product, b)| product * b).sum();
            let better = (with_y[a] - all + products[a][a] * best[a]).max(0.0);
            change = change.max((better - best[a]).abs());
            best[a] = better;
        }
        if change <= 1e-9 * best.iter().sum::<f64>() {
            break;
        }
    }
    let mut coefficients = vec![0.0; columns];
    known.iter().zip(best).for_each(|(a, value)| coefficients[*a] = value / size[*a]);
    coefficients
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
        let features: Vec<Vec<f64>> = (0..60)
            .map(|_| vec![1.0, 10f64.powf(rng.f64() * 3.0), 10f64.powf(rng.f64() * 4.0), rng.f64() * 100.0])
            .collect();
        let clean = features.iter().map(|row| row.iter().zip(truth).map(|(x, b)| x * b).sum::<f64>());
        // Errors of 10 % to either side, and every tenth trial takes three times as long.
        let measured: Vec<f64> = clean
            .enumerate()
            .map(|(place, y)| y * (0.9 + 0.2 * rng.f64()) * if place % 10 == 0 { 3.0 } else { 1.0 })
            .collect();
        let found = least_squares(&features, &measured, &[0.0; 60]);
        for (found, truth) in found.iter().zip(truth).take(3) {
            assert!((found / truth).ln().abs() < 0.15, "{found} instead of {truth}");
        }
        assert!(found[3] < 1e3, "{found:?}");
    }

    #[test]
    fn what_is_known_already_is_not_fitted() {
        let features: Vec<Vec<f64>> = (1..20).map(|place| vec![1.0, f64::from(place)]).collect();
        let known: Vec<f64> = (1..20).map(|place| f64::from(place) * 10.0).collect();
        let measured: Vec<f64> =
            features.iter().zip(&known).map(|(row, known)| 500.0 * row[0] + 7.0 * row[1] + known).collect();
        let best = least_squares(&features, &measured, &known);
        assert!((best[0] - 500.0).abs() < 1.0 && (best[1] - 7.0).abs() < 0.1, "{best:?}");
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
