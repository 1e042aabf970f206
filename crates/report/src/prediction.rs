//! What theory says that a row's trials took, from their settings and their recorded heads: bytes for each event,
//! beside those that were measured.

use model::byte_account::{Account, stamp_bytes};
use model::settings::{Compression, HttpVersion, Pace, Settings};
use model::trial::{RecordedHead, TrialOutcome};
use theory::case::{Compression as Compressed, Date, Direction, Head, Message, Security, Version};
use theory::prediction::Both;
use theory::prediction::layer::TLS_RECORDS;
use theory::{Case, predict};

use crate::statistics::Row;

/// How a kept head is marked whose exchange brought no event.
const EMPTY: &str = "empty-poll";
/// How a kept head is marked whose exchange carried a subscriber's own message.
const POST: &str = "post";

/// Bytes for each event, up and down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prediction {
    pub predicted: [f64; 2],
    pub measured: [f64; 2],
    /// Events that they were divided by.
    pub events: u64,
    /// Whether the standards and the settings fix every byte of it.
    pub exact: bool,
    /// Whether they would, had TLS made as many records as there were answers: a server that came late writes two at once.
    pub shares_records: bool,
}

impl Prediction {
    /// Measured less predicted, both directions.
    pub(crate) fn deviation(&self) -> f64 {
        self.measured.iter().sum::<f64>() - self.predicted.iter().sum::<f64>()
    }

    /// Whether not one byte of all is another than predicted.
    pub(crate) fn is_equal(&self) -> bool {
        let differs = |direction: usize| (self.measured[direction] - self.predicted[direction]).abs();
        [0, 1].into_iter().all(|direction| differs(direction) * (self.events as f64) < 0.5)
    }
}

/// What theory says of a row whose technique has this slug; none where it says nothing: of compressed messages, of
/// two-way scenarios, of rows without an event, of connections that are made again for each poll.
pub(crate) fn predicted(row: &Row<'_>, slug: &str) -> Option<Prediction> {
    let settings = row.settings;
    if settings.uplink.is_some() || settings.stall.is_some() || !settings.http.keep_alive {
        return None;
    }
    let mut sum = Sum { exact: true, ..Sum::default() };
    for outcome in row.trials.iter().filter_map(|trial| trial.record.result.outcome()) {
        sum.add(settings, outcome, slug)?;
    }
    sum.divided()
}

/// The mark of theory over a bar: predicted bytes for each event, up and down, where they are exact.
pub(crate) fn theory_overlay(row: &Row<'_>, slug: &str) -> Option<[f64; 2]> {
    predicted(row, slug).filter(|predicted| predicted.exact).map(|predicted| predicted.predicted)
}

/// Bytes of both directions that an event takes which is alone in its answer, whatever the rate; none where the standards
/// do not fix them.
pub(crate) fn alone(row: &Row<'_>, slug: &str) -> Option<f64> {
    let outcome = row.trials.iter().find_map(|trial| trial.record.result.outcome())?;
    let steady = steady(row.settings, outcome, slug, (1, 1))?;
    let is_fixed = steady.is_exact() && !changes(row.settings, outcome, slug, 1)?;
    is_fixed.then(|| steady.wire() as f64)
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
            self.exchanges(settings, outcome, slug, (seq, least, of(answers - fuller)))?;
            self.exchanges(settings, outcome, slug, (seq, least + 1, of(fuller)))?;
            self.exchanges(settings, outcome, slug, (seq, 0, of(counts.empty_responses)))?;
        }
        self.events += events;
        // What is pushed without being asked for may have signs of life among it, of which theory does not say how many.
        self.exact &= self.predicted[0] > asked || control(outcome) == 0;
        for (sum, layers) in
            self.measured.iter_mut().zip([outcome.bytes.window.up, outcome.bytes.window.down])
        {
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
        let lone = !changes(settings, outcome, slug, batch)?;
        let steady = steady(settings, outcome, slug, (seq, batch))?;
        self.exact &= lone && steady.is_exact();
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
fn steady(settings: &Settings, outcome: &TrialOutcome, slug: &str, (seq, batch): (u64, u64)) -> Option<Both> {
    let recorded = head(&outcome.heads, batch);
    let pairs = recorded.map(|head| (fields(&head.request), fields(&head.response)));
    let head = recorded.zip(pairs.as_ref()).map(|(head, (request, response))| Head {
        method: &head.method,
        target: &head.target,
        request,
        status: head.status,
        response,
    });
    Some(predict(slug, &Case { head, seq, batch, ..case(settings) })?.steady)
}

/// Whether an exchange's bytes depend on which of the window's sequence numbers it has, where that is not known.
fn changes(settings: &Settings, outcome: &TrialOutcome, slug: &str, batch: u64) -> Option<bool> {
    let (least, most) = match settings.events.pace {
        Pace::Constant => reach(settings),
        // How many come before the window and in it is chance's, or the bursts'.
        Pace::Poisson | Pace::Burst(_) => (1, u64::from(u32::MAX)),
    };
    let wire = |seq| Some(steady(settings, outcome, slug, (seq, batch))?.wire());
    Some(wire(least)? != wire(most)?)
}

/// Bytes of the window that keep a channel and bring nothing.
fn control(outcome: &TrialOutcome) -> u64 {
    let Account { up, down } = outcome.bytes.window;
    [up, down].iter().map(|layers| layers.control + layers.http2_control).sum()
}

fn case(settings: &Settings) -> Case<'static> {
    let transport = &settings.transport;
    Case {
        direction: Direction::Down,
        message: Message {
            payload: settings.events.payload_bytes.into(),
            stamp: stamp_bytes(settings.events.payload),
        },
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

/// The head of what carried events, or of what carried none.
fn head(heads: &[RecordedHead], batch: u64) -> Option<&RecordedHead> {
    heads.iter().find(|head| head.exchange != POST && (head.exchange == EMPTY) == (batch == 0))
}

fn fields(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
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
    fn numbers_of_a_window_are_told_apart_by_their_digits() {
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
