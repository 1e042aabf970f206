//! How far a subscriber has read its channel: what came first, again, late, or not yet.
//!
//! Fixed memory: the next expected sequence number, and the gaps below it, of which the newest [`MOST_GAPS`] are kept.

use std::collections::VecDeque;
use std::ops::Range;

use protocol::Start;

/// Gaps that are remembered; an event that fills an older one counts as a duplicate. Gaps come of skipping, so there
/// are a few at most.
pub const MOST_GAPS: usize = 64;

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// After all that came before it.
    InOrder,
    /// For the first time, after a later one.
    Reordered,
    /// It had come already.
    Duplicate,
}

/// How far a channel has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    next: Option<u64>,
    gaps: VecDeque<Range<u64>>,
    /// The server no longer has what comes next.
    session_closed: bool,
}

impl Cursor {
    /// Nothing was read; a greeting will report where the channel stands.
    pub fn unknown() -> Self {
        Self { next: None, gaps: VecDeque::new(), session_closed: false }
    }

    /// Everything is still to be read.
    pub fn beginning() -> Self {
        Self { next: Some(1), gaps: VecDeque::new(), session_closed: false }
    }

    /// Where to read on; after the server closed the session, at the oldest event that the server still has.
    pub fn resume(&self) -> Start {
        if self.session_closed {
            return Start::After(0);
        }
        self.next.map_or(Start::Fresh, |next| Start::After(next - 1))
    }

    /// Sets the cursor by a greeting: the channel stood at `head`. A known cursor stays.
    pub fn greeted(&mut self, head: u64) {
        self.next.get_or_insert(head + 1);
    }

    /// Notes that the server closed this session as too slow. What it missed becomes a gap.
    pub fn session_closed(&mut self) {
        self.session_closed = true;
    }

    /// Records the event `seq`.
    pub fn received(&mut self, seq: u64) -> Arrival {
        self.session_closed = false;
        let next = *self.next.get_or_insert(seq);
        if seq < next {
            return self.received_late(seq);
        }
        if seq > next {
            self.remember(next..seq);
        }
        self.next = Some(seq + 1);
        Arrival::InOrder
    }

    fn remember(&mut self, gap: Range<u64>) {
        self.gaps.push_back(gap);
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        if self.gaps.len() > MOST_GAPS {
            self.gaps.pop_front();
        }
    }

    fn received_late(&mut self, seq: u64) -> Arrival {
        let Some(at) = self.gaps.iter().position(|gap| gap.contains(&seq)) else { return Arrival::Duplicate };
        let gap = self.gaps[at].clone();
        self.gaps[at] = seq + 1..gap.end;
        if gap.start < seq {
            self.gaps.insert(at, gap.start..seq);
        }
        self.gaps.retain(|gap| !gap.is_empty());
        self.forget_oldest();
        Arrival::Reordered
    }
}

#[cfg(test)]
mod tests {
    use super::Arrival::{Duplicate, InOrder, Reordered};
    use super::*;

    #[test]
    fn events_come_in_order_again_or_once_into_a_gap() {
        for (seqs, expected) in [
            (&[1, 2, 3][..], &[InOrder; 3][..]),
            (&[1, 2, 2, 1, 3], &[InOrder, InOrder, Duplicate, Duplicate, InOrder]),
            (
                &[1, 6, 3, 3, 2, 5, 4, 4],
                &[InOrder, InOrder, Reordered, Duplicate, Reordered, Reordered, Reordered, Duplicate],
            ),
        ] {
            let mut cursor = Cursor::beginning();
            let arrivals: Vec<Arrival> = seqs.iter().map(|&seq| cursor.received(seq)).collect();
            assert_eq!(arrivals, expected, "{seqs:?}");
        }
    }

    #[test]
    fn a_subscriber_resumes_after_the_last_event_or_at_the_oldest_when_its_session_was_closed() {
        let mut cursor = Cursor::beginning();
        assert_eq!(cursor.resume(), Start::After(0));
        cursor.received(1);
        cursor.received(4);
        assert_eq!(cursor.resume(), Start::After(4));
        cursor.session_closed();
        assert_eq!(cursor.resume(), Start::After(0));
        assert_eq!(cursor.received(9), InOrder);
        assert_eq!(cursor.resume(), Start::After(9));
    }

    #[test]
    fn a_greeting_sets_where_to_begin_and_moves_nothing_later() {
        let mut cursor = Cursor::unknown();
        assert_eq!(cursor.resume(), Start::Fresh);
        cursor.greeted(10);
        assert_eq!(cursor.resume(), Start::After(10));
        assert_eq!(cursor.received(11), InOrder);
        cursor.greeted(5);
        assert_eq!(cursor.resume(), Start::After(11));
        assert_eq!(cursor.received(10), Duplicate);
    }

    #[test]
    fn memory_stays_fixed_when_there_are_many_gaps() {
        let mut cursor = Cursor::beginning();
        let late = (900..=1000).map(|nth| nth * 10 - 5);
        for seq in (1..=1000).map(|nth| nth * 10).chain(late) {
            cursor.received(seq);
            assert!(cursor.gaps.len() <= MOST_GAPS);
        }
    }
}
