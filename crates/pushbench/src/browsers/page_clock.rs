//! The offset between a page's clock and the server's, and its bounds (Cristian, *Probabilistic clock synchronization*,
//! Distributed Computing 3, 1989, pp. 146–158).
//!
//! Pure. The server reads its clock between the page's two readings, so each exchange bounds the offset from both sides;
//! the intersection bounds it best. A reading may be off by the clock's resolution.

use model::trial::ClientClock;
use serde::Deserialize;
use serde_json::{Value, json};

/// The most time for reading the server's clock: on a slow machine, more exchanges would not narrow the bound in any useful time.
const BUDGET_MS: u32 = 3_000;

/// The script that reads the server's clock so many times and returns a [`ClockReport`], and its argument.
pub(crate) fn clock_call(exchanges: u32) -> (&'static str, Value) {
    ("return await bench.clock(arguments[0])", json!({ "exchanges": exchanges, "budget_ms": BUDGET_MS }))
}

/// The page's report of its clock. Its times are `performance.now()`, in ms.
#[derive(Debug, Deserialize)]
pub(crate) struct ClockReport {
    isolated: bool,
    resolution_ms: f64,
    /// The time before the request, the server's nanoseconds in digits, the time of the response.
    exchanges: Vec<(f64, String, f64)>,
}

/// The least and the most nanoseconds to add to the page's clock to get the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    least_ns: i64,
    most_ns: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageClock {
    bounds: Bounds,
    resolution_ns: u64,
    exchanges: u32,
    isolated: bool,
}

impl PageClock {
    /// None if the report has no exchange, or something other than times.
    pub(crate) fn new(report: &ClockReport) -> Option<Self> {
        let resolution_ns = ns(report.resolution_ms);
        let exchange = |(asked, server, answered): &(f64, String, f64)| {
            let server_ns: i64 = server.trim().parse().ok()?;
            Some(Bounds {
                least_ns: server_ns - ns(*answered) - resolution_ns,
                most_ns: server_ns - ns(*asked) + resolution_ns,
            })
        };
        let all: Option<Vec<Bounds>> = report.exchanges.iter().map(exchange).collect();
        let bounds = all?.into_iter().reduce(Bounds::both)?;
        Some(Self {
            bounds: bounds.in_order(),
            resolution_ns: resolution_ns.unsigned_abs(),
            exchanges: u32::try_from(report.exchanges.len()).unwrap_or(u32::MAX),
            isolated: report.isolated,
        })
    }

    /// The clock for the whole time between two reports; its bounds include both.
    pub(crate) fn until(&self, later: &Self) -> Self {
        Self {
            bounds: self.bounds.either(later.bounds),
            resolution_ns: self.resolution_ns.min(later.resolution_ns),
            exchanges: self.exchanges + later.exchanges,
            isolated: self.isolated && later.isolated,
        }
    }

    /// Nanoseconds to add to the page's clock: the middle of what is possible.
    pub(crate) fn offset_ns(&self) -> i64 {
        self.bounds.least_ns + (self.bounds.most_ns - self.bounds.least_ns) / 2
    }

    /// The server's time at `page_ms` in the page.
    pub(crate) fn server_ns(&self, page_ms: f64) -> u64 {
        u64::try_from(ns(page_ms) + self.offset_ns()).unwrap_or(0)
    }

    /// The page's time in ms at `server_ns` at the server.
    pub(crate) fn page_ms(&self, server_ns: u64) -> f64 {
        (server_ns.cast_signed() - self.offset_ns()) as f64 / 1e6
    }

    pub(crate) fn described(&self) -> ClientClock {
        ClientClock {
            resolution_ns: self.resolution_ns,
            offset_bound_ns: (self.bounds.most_ns - self.bounds.least_ns).unsigned_abs().div_ceil(2),
            exchanges: self.exchanges,
            isolated: self.isolated,
        }
    }
}

impl Bounds {
    fn both(self, other: Self) -> Self {
        Self { least_ns: self.least_ns.max(other.least_ns), most_ns: self.most_ns.min(other.most_ns) }
    }

    fn either(self, other: Self) -> Self {
        Self { least_ns: self.least_ns.min(other.least_ns), most_ns: self.most_ns.max(other.most_ns) }
    }

    /// Where clocks drifted apart, the intersection is empty, and the offset took every value between.
    fn in_order(self) -> Self {
        Self { least_ns: self.least_ns.min(self.most_ns), most_ns: self.most_ns.max(self.least_ns) }
    }
}

fn ns(ms: f64) -> i64 {
    (ms * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page whose clock is 1,000 ms behind, with exchanges of these µs there and back.
    fn report(exchanges: &[(u64, u64)]) -> ClockReport {
        let exchange = |(there_us, back_us): &(u64, u64)| {
            let asked_ms = 5.0;
            let server_ns = 1_005_000_000 + there_us * 1000;
            (asked_ms, server_ns.to_string(), asked_ms + (there_us + back_us) as f64 / 1000.0)
        };
        ClockReport {
            isolated: true,
            resolution_ms: 0.0,
            exchanges: exchanges.iter().map(exchange).collect(),
        }
    }

    #[test]
    fn the_offset_lies_within_its_bound() {
        let clock = PageClock::new(&report(&[(300, 100), (200, 400), (50, 900)])).unwrap();
        // 50 µs there at best, and 100 µs back.
        assert_eq!(clock.described().offset_bound_ns, 75_000);
        let truth = 1_000_000_000i64;
        assert!((clock.offset_ns() - truth).unsigned_abs() <= 75_000, "{}", clock.offset_ns());
        assert_eq!(clock.server_ns(clock.page_ms(2_000_000_000)), 2_000_000_000);
    }

    #[test]
    fn a_coarse_clock_widens_the_bound_by_its_step() {
        let coarse = ClockReport { resolution_ms: 0.1, ..report(&[(100, 100)]) };
        let clock = PageClock::new(&coarse).unwrap().described();
        assert_eq!((clock.offset_bound_ns, clock.resolution_ns), (200_000, 100_000));
    }

    #[test]
    fn a_clock_that_drifted_is_bounded_by_both_reports() {
        let before = PageClock::new(&report(&[(100, 100)])).unwrap();
        let mut late = report(&[(100, 100)]);
        late.exchanges[0].1 = (1_005_100_000 + 500_000).to_string();
        let both = before.until(&PageClock::new(&late).unwrap());
        assert_eq!(both.described().offset_bound_ns, 350_000);
        assert_eq!(both.described().exchanges, 2);
    }

    #[test]
    fn a_page_without_exchanges_has_no_clock() {
        assert_eq!(PageClock::new(&report(&[])), None);
        let mut malformed = report(&[(1, 1)]);
        malformed.exchanges[0].1 = "<html>".to_owned();
        assert_eq!(PageClock::new(&malformed), None);
    }
}
