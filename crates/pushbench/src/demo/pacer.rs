//! When events are due: a constant pace that may be changed, independent of how fast events are published.
//!
//! Pure: the time is an argument.

/// An open-loop schedule.
#[derive(Debug)]
pub(super) struct Pacer {
    gap_ns: u64,
    due_ns: u64,
}

impl Pacer {
    /// The first event is due one gap after `now_ns`.
    pub(super) fn new(rate_per_s: f64, now_ns: u64) -> Self {
        let gap_ns = gap_ns(rate_per_s);
        Self { gap_ns, due_ns: now_ns + gap_ns }
    }

    /// Changes the rate from now on, so that the wait of a slow pace ends with it. Overdue events stay due.
    pub(super) fn set_rate(&mut self, rate_per_s: f64, now_ns: u64) {
        self.gap_ns = gap_ns(rate_per_s);
        self.due_ns = self.due_ns.min(now_ns + self.gap_ns);
    }

    /// When the next event is due.
    pub(super) fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// The next event's time, if it is due.
    pub(super) fn next_until(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.due_ns;
        (due_ns <= now_ns).then(|| {
            self.due_ns += self.gap_ns;
            due_ns
        })
    }
}

fn gap_ns(rate_per_s: f64) -> u64 {
    (1e9 / rate_per_s) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn every_event_has_the_time_at_which_it_was_due() {
        let mut pacer = Pacer::new(100.0, 0);
        assert_eq!(pacer.next_until(9 * MS), None);
        let due: Vec<_> = std::iter::from_fn(|| pacer.next_until(45 * MS)).collect();
        assert_eq!(due, [10 * MS, 20 * MS, 30 * MS, 40 * MS]);
        assert_eq!(pacer.due_ns(), 50 * MS);
    }

    #[test]
    fn a_faster_pace_begins_at_once_and_a_slower_one_after_the_next_event() {
        let mut pacer = Pacer::new(1.0, 0);
        pacer.set_rate(100.0, 5 * MS);
        assert_eq!(pacer.next_until(15 * MS), Some(15 * MS));
        pacer.set_rate(1.0, 16 * MS);
        assert_eq!(pacer.next_until(25 * MS), Some(25 * MS));
        assert_eq!(pacer.due_ns(), 1_025 * MS);
    }
}
