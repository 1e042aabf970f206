//! What theory says that an event takes in bytes, from settings and recorded heads, beside those that were measured.

use model::byte_account::{Account, stamp_bytes};
use model::settings::{Compression, HttpVersion, Pace, Settings};
use model::trial::{RecordedHead, TrialOutcome};
use serde::Serialize;
use theory::case::{Compression as Compressed, Date, Direction, Head, Message, Security, Version};
use theory::prediction::Both;
use theory::prediction::layer::TLS_RECORDS;
use theory::{Case, predict, tcp};

use crate::evidence::{Evidence, Point};

/// How a kept head is marked whose exchange brought no event.
const EMPTY: &str = "empty-poll";
/// How a kept head is marked whose exchange carried a subscriber's own message.
const POST: &str = "post";

/// Bytes for each event, up and down, and those that were measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// By theory.
    pub predicted: [f64; 2],
    /// By byte accounting.
    pub measured: [f64; 2],
    /// Events that they were divided by.
    pub events: u64,
    /// Whether the standards and the settings fix every byte of it.
    pub exact: bool,
    /// Whether they would, had TLS made as many records as there were answers: a server that came late writes two at once.
    pub shares_records: bool,
}

impl Prediction {
    /// Measured less predicted, both directions, for each event.
    pub fn deviation(&self) -> f64 {
        self.measured.iter().sum::<f64>() - self.predicted.iter().sum::<f64>()
    }

    /// Whether not one byte of all is another than predicted.
    pub fn is_equal(&self) -> bool {
        let differs = |direction: usize| (self.measured[direction] - self.predicted[direction]).abs();
        [0, 1].into_iter().all(|direction| differs(direction) * (self.events as f64) < 0.5)
    }

    /// Deviation ÷ predicted, both directions.
    pub fn relative(&self) -> f64 {
        self.deviation() / self.predicted.iter().sum::<f64>()
    }
}

/// What theory says of a point; none where it says nothing: of compressed messages, of two-way scenarios, of points without
/// an event, of connections that are made again for each poll.
pub fn predicted(evidence: &Evidence, point: &Point) -> Option<Prediction> {
    let mut sum = Sum { exact: true, ..Sum::default() };
    for trial in evidence.trials(point) {
        let settings = &trial.record.settings;
        if settings.uplink.is_some() || settings.stall.is_some() || !settings.http.keep_alive {
            return None;
        }
        sum.add(settings, trial.record.result.outcome()?, &point.technique)?;
    }
    sum.divided()
}

/// What the predictions of a scenario come to.
#[derive(Debug, Default, Serialize)]
pub struct Scenario {
    pub name: String,
    /// Points of which theory says something.
    pub points: usize,
    /// Those of which it fixes every byte.
    pub exact: usize,
    /// Of these, those that were measured so to the byte.
    pub equal: usize,
    /// Those that it would fix, had TLS made as many records as there were answers.
    pub shared_records: usize,
    /// Of those that it does not fix, those that were measured so to the byte nevertheless.
    pub others_equal: usize,
    /// The largest deviation ÷ predicted of those that were not equal.
    pub worst: Option<f64>,
    /// Those that are fixed and were not measured so: the technique, and how many bytes more there were in all.
    pub unequal: Vec<(String, f64)>,
}

/// Scenario by scenario; those of which theory says nothing are left out. Traced and disturbed scenarios are no part of it.
pub fn scenarios(evidence: &Evidence) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let plain = |point: &&Point| !point.is_search && point.load.is_none() && point.target.is_none();
    for point in evidence.points.iter().filter(plain) {
        // What a proxy makes of an answer is its own matter.
        let mut settings = evidence.trials(point).map(|trial| &trial.record.settings);
        let is_meant = !settings.any(|settings| settings.traced || settings.through.is_some());
        let Some(said) = predicted(evidence, point).filter(|_| is_meant) else { continue };
        let place = scenarios.iter().position(|scenario| scenario.name == point.scenario);
        let place = place.unwrap_or_else(|| {
            scenarios.push(Scenario { name: point.scenario.clone(), ..Scenario::default() });
            scenarios.len() - 1
        });
        scenarios[place].add(evidence.label(&point.technique), &said);
    }
    scenarios
}

/// How byte accounting compares with the kernel's count, in trials that ran alone in a network namespace.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Observer {
    /// Trials that the kernel counted.
    pub trials: usize,
    /// Those in which the layers and the packets' headers add up to its count to the byte.
    pub equal: usize,
    /// Those in which segments that were sent again, whose bytes the kernel counts twice, explain the difference.
    pub explained: usize,
    /// All bytes that it counted.
    pub bytes: u64,
    /// Observed trials that did not run to their end.
    pub failed: usize,
}

/// Compares both. Nothing is fitted: a packet has 52 B of headers, and 8 B more where it opens a connection.
pub fn observer(evidence: &Evidence) -> Observer {
    const SYN_EXTRA: u64 = tcp::SYN - tcp::SEGMENT_HEADER;
    const LARGEST_SEGMENT: u64 = tcp::SEGMENT_HEADER + tcp::MSS;
    let mut sum = Observer {
        failed: evidence.failed.iter().filter(|trial| trial.record.settings.observed).count(),
        ..Observer::default()
    };
    for trial in evidence.points.iter().flat_map(|point| evidence.trials(point)) {
        let Some((outcome, seen)) = trial.record.result.outcome().zip(trial.record.observed) else {
            continue;
        };
        let headers = tcp::SEGMENT_HEADER * seen.packets + SYN_EXTRA * 2 * seen.connections;
        let beyond = seen.bytes as i64 - (outcome.bytes.total.wire() + headers) as i64;
        let is_explained = beyond > 0 && beyond as u64 <= seen.retransmitted * LARGEST_SEGMENT;
        sum.trials += 1;
        sum.equal += usize::from(beyond == 0);
        sum.explained += usize::from(is_explained);
        sum.bytes += seen.bytes;
    }
    sum
}

impl Scenario {
    fn add(&mut self, technique: &str, said: &Prediction) {
        self.points += 1;
        self.exact += usize::from(said.exact);
        self.equal += usize::from(said.exact && said.is_equal());
        self.others_equal += usize::from(!said.exact && said.is_equal());
        self.shared_records += usize::from(said.shares_records);
        if said.exact && !said.is_equal() {
            self.unequal.push((technique.to_owned(), (said.deviation() * said.events as f64).round()));
        }
        if !said.is_equal() && self.worst.is_none_or(|worst| said.relative().abs() > worst.abs()) {
            self.worst = Some(said.relative());
        }
    }
}

#[derive(Default)]
struct Sum {
    predicted: [u64; 2],
    measured: [u64; 2],
    /// What TLS added: predicted for a record of its own for each answer, and measured.
    records: [u64; 2],
    events: u64,
    exact: bool,
}

impl Sum {
    /// One trial's window: its answers, as many as were counted, with its events spread over them evenly.
    fn add(&mut self, settings: &Settings, outcome: &TrialOutcome, slug: &str) -> Option<()> {
        let counts = &outcome.counts;
        let (answers, events) = (counts.responses, counts.events_in_window);
        let (least, fuller) = (events.checked_div(answers)?, events % answers);
        // How many events each answer had is not recorded, unless it must have been one.
        self.exact &= (least, fuller) == (1, 0) && counts.lost == 0;
        let asked = self.predicted[0];
        for (seq, [from, to]) in seqs(settings) {
            let until = |count: u64, share: f64| (count as f64 * share).round() as u64;
            let of = |count| until(count, to) - until(count, from);
            let batches = [(least, answers - fuller), (least + 1, fuller), (0, counts.empty_responses)];
            for (batch, times) in batches {
                self.exchanges(settings, outcome, slug, (seq, batch, of(times)))?;
            }
        }
        self.events += events;
        // What is pushed without being asked for may have signs of life among it, of which theory does not say how many.
        self.exact &= self.predicted[0] > asked || control(outcome) == 0;
        let Account { up, down } = outcome.bytes.window;
        for (sum, layers) in self.measured.iter_mut().zip([up, down]) {
            *sum += layers.wire();
            self.records[1] += layers.tls_records;
        }
        Some(())
    }

    /// So many exchanges with so many events each, of which the first has this sequence number.
    fn exchanges(
        &mut self,
        settings: &Settings,
        outcome: &TrialOutcome,
        slug: &str,
        (seq, batch, times): (u64, u64, u64),
    ) -> Option<()> {
        if times == 0 {
            return Some(());
        }
        let is_lone = !changes(settings, &outcome.heads, slug, batch)?;
        let steady = steady(settings, &outcome.heads, slug, (seq, batch))?;
        self.exact &= is_lone && steady.is_exact();
        for (sum, layers) in self.predicted.iter_mut().zip([steady.up, steady.down]) {
            *sum += layers.wire() * times;
            self.records[0] += layers.bytes(TLS_RECORDS) * times;
        }
        Some(())
    }

    fn divided(self) -> Option<Prediction> {
        let Self { predicted, measured, records, events, exact } = self;
        let is_apart = records[0] == records[1];
        let each = |bytes: [u64; 2]| bytes.map(|bytes| bytes as f64 / events as f64);
        (events > 0).then(|| Prediction {
            predicted: each(predicted),
            measured: each(measured),
            events,
            exact: exact && is_apart,
            shares_records: exact && !is_apart,
        })
    }
}

/// What theory says of one exchange that carries so many events, of which the first has this sequence number.
fn steady(settings: &Settings, heads: &[RecordedHead], slug: &str, (seq, batch): (u64, u64)) -> Option<Both> {
    let head = heads.iter().find(|head| head.exchange != POST && (head.exchange == EMPTY) == (batch == 0));
    exchange(head, slug, Case { seq, batch, ..case(settings, settings.events.payload_bytes) })
}

/// What theory says of an exchange with these recorded heads: fields of `case` but its head count.
pub(crate) fn exchange(head: Option<&RecordedHead>, slug: &str, case: Case<'_>) -> Option<Both> {
    let pairs = head.map(|head| [pairs(&head.request), pairs(&head.response)]);
    let head = head.zip(pairs.as_ref()).map(|(head, [request, response])| Head {
        method: &head.method,
        target: &head.target,
        request,
        status: head.status,
        response,
    });
    Some(predict(slug, &Case { head, ..case })?.steady)
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Whether an exchange's bytes depend on which of the window's sequence numbers it has, where that is not known.
fn changes(settings: &Settings, heads: &[RecordedHead], slug: &str, batch: u64) -> Option<bool> {
    let (least, most) = match settings.events.pace {
        Pace::Constant => reach(settings),
        // How many come before the window and in it is chance's, or the bursts'.
        Pace::Poisson | Pace::Burst(_) => (1, u64::from(u32::MAX)),
    };
    let wire = |seq| Some(steady(settings, heads, slug, (seq, batch))?.wire());
    Some(wire(least)? != wire(most)?)
}

/// Bytes of the window that keep a channel and bring nothing.
fn control(outcome: &TrialOutcome) -> u64 {
    let Account { up, down } = outcome.bytes.window;
    [up, down].iter().map(|layers| layers.control + layers.http2_control).sum()
}

fn case(settings: &Settings, payload_bytes: u32) -> Case<'static> {
    let transport = &settings.transport;
    Case {
        direction: Direction::Down,
        message: Message { payload: payload_bytes.into(), stamp: stamp_bytes(settings.events.payload) },
        seq: 1,
        batch: 1,
        head: None,
        preamble: 0,
        version: match transport.http {
            HttpVersion::Http1 => Version::Http1,
            HttpVersion::Http2 => Version::Http2,
        },
        security: if transport.tls { Security::Tls } else { Security::Plain },
        compression: match transport.compression {
            Compression::None => Compressed::None,
            Compression::Deflate => Compressed::Deflate,
        },
        date: Date::Unknown,
    }
}

/// The first and the last sequence number of the window.
fn window(settings: &Settings) -> (u64, u64) {
    let until = |ns: u64| (settings.events.rate_per_s * ns as f64 / 1e9) as u64;
    let first = until(settings.phases.warm_up_ns) + 1;
    (first, until(settings.phases.warm_up_ns + settings.phases.window_ns).max(first))
}

/// The same, with what an edge may have taken or left.
fn reach(settings: &Settings) -> (u64, u64) {
    let (first, last) = window(settings);
    (first.saturating_sub(1).max(1), last + 1)
}

/// Sequence numbers of the window that each stand for all that are followed and preceded by as many digits, which is what
/// bytes depend on: the number, and from which to which share of the window's events it stands.
fn seqs(settings: &Settings) -> Vec<(u64, [f64; 2])> {
    let (first, last) = window(settings);
    let share = |seq: u64| (seq - first) as f64 / (last + 1 - first) as f64;
    // A poll's target says the number before its first event's, which grows by a digit one number later.
    let grows = (1..20).map(|power| 10_u64.pow(power)).flat_map(|seq| [seq, seq + 1]);
    let mut begins: Vec<u64> = grows.filter(|seq| (first + 1..=last).contains(seq)).collect();
    begins.insert(0, first);
    let ends = begins.iter().skip(1).copied().chain([last + 1]);
    begins.iter().zip(ends).map(|(begin, end)| (*begin, [share(*begin), share(end)])).collect()
}

#[cfg(test)]
mod tests {
    use model::settings::Events;

    use super::*;

    #[test]
    fn numbers_of_a_window_differ_by_their_digits() {
        let settings = |rate_per_s| {
            let events = Events { rate_per_s, ..Settings::default().events };
            Settings { events, ..Settings::default() }
        };
        // A warm-up of 1 s and a window of 2 s.
        assert_eq!(seqs(&settings(20.0)), [(21, [0.0, 1.0])]);
        assert_eq!(seqs(&settings(50.0)), [(51, [0.0, 0.49]), (100, [0.49, 0.5]), (101, [0.5, 1.0])]);
        assert_eq!(seqs(&settings(0.1)), [(1, [0.0, 1.0])]);
    }
}
