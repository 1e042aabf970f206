//! A channel's replay window: its newest events as they go on the wire, one behind another in shared segments.
//!
//! What a subscriber has pending is a slice of a segment, however many events that are, and no single one of them is touched. A
//! full segment is closed and shared as it is. Of the one that is still filled an *image* is made when a subscriber reads, of
//! what it has pending; all that keep up have the same pending, and take a slice of the same image. What lies in
//! several segments, and is no more than one of them could hold, is put together once in the same way: only a subscriber that has fallen
//! far behind sees where segments part.
//!
//! Positions are sequence numbers: what a position has pending begins with the event behind it.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

/// A segment is closed before it grows beyond this. A slow subscriber may hold one.
const SEGMENT_BYTES: usize = 64 * 1024;
/// An event of so many bytes is a segment by itself, so that it is not copied.
const LARGE: usize = 16 * 1024;

/// Whole events that a subscriber has pending, one behind another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What goes on the wire, shared with all that have the same pending.
    pub bytes: Bytes,
    /// How many events these are; at least 1.
    pub events: usize,
    /// The sequence number of the last one.
    pub last: u64,
}

#[derive(Default)]
pub(super) struct Log {
    /// The position before the oldest event that is retained.
    trimmed: u64,
    closed: VecDeque<Segment<Bytes>>,
    open: Segment<Vec<u8>>,
    image: Image,
    joint: Joint,
}

impl Log {
    /// Sequence number of the newest event; 0 when there has been none.
    pub(super) fn head(&self) -> u64 {
        self.open.last()
    }

    /// The position before the oldest event that is retained.
    pub(super) fn trimmed(&self) -> u64 {
        self.trimmed
    }

    /// Puts the next event behind the others, of which `capacity` are retained with it.
    pub(super) fn append(&mut self, encoded: Bytes, capacity: usize) {
        if self.open.bytes.len() + encoded.len() > SEGMENT_BYTES {
            self.close();
        }
        if encoded.len() >= LARGE {
            self.close();
            let after = self.open.after;
            self.closed.push_back(Segment { after, ends: vec![encoded.len() as u32], bytes: encoded });
            self.open.after += 1;
        } else {
            self.image.start = self.open.bytes.len();
            self.open.bytes.extend_from_slice(&encoded);
            self.open.ends.push(self.open.bytes.len() as u32);
            self.image.bytes = encoded;
        }
        self.trimmed = self.trimmed.max(self.head().saturating_sub(capacity as u64));
        while self.closed.front().is_some_and(|segment| segment.last() <= self.trimmed) {
            self.closed.pop_front();
        }
    }

    /// Events behind `position`, up to and with `until`, of at most `max_bytes`, but one at least: all of them, if they are of at
    /// most [`SEGMENT_BYTES`], too. The position lies between trimmed and `until`, and this not beyond the head.
    pub(super) fn run(&mut self, position: u64, until: u64, max_bytes: usize) -> Run {
        let (bytes, last) = if position < self.open.after {
            self.run_of_closed(position, until, max_bytes)
        } else {
            let (range, last) = self.open.stretch(position, until, max_bytes);
            (self.image.slice(range, &self.open.bytes), last)
        };
        Run { bytes, events: (last - position) as usize, last }
    }

    /// The position lies in a closed segment.
    fn run_of_closed(&mut self, position: u64, until: u64, max_bytes: usize) -> (Bytes, u64) {
        let first = self.closed.partition_point(|segment| segment.last() <= position);
        if self.closed[first].last() < until
            && let Some(all) = self.join(first, position, until, max_bytes.min(SEGMENT_BYTES))
        {
            return (all, until);
        }
        let segment = &self.closed[first];
        let (range, last) = segment.stretch(position, until, max_bytes);
        (segment.bytes.slice(range), last)
    }

    /// All events behind `position`, which lies in this closed segment; none if they are of more than `max_bytes`.
    fn join(&mut self, first: usize, position: u64, until: u64, max_bytes: usize) -> Option<Bytes> {
        let closed = self.closed.range(first..).map(|segment| segment.part(position, until));
        let parts = closed.chain([self.open.part(position, until)]);
        let fitting = |len: usize, part: &[u8]| Some(len + part.len()).filter(|&len| len <= max_bytes);
        let len = parts.clone().try_fold(0, fitting)?;
        if self.joint.last != until || self.joint.bytes.len() < len {
            let mut bytes = Vec::with_capacity(len);
            parts.for_each(|part| bytes.extend_from_slice(part));
            self.joint = Joint { last: until, bytes: bytes.into() };
        }
        Some(self.joint.bytes.slice(self.joint.bytes.len() - len..))
    }

    fn close(&mut self) {
        let after = self.open.last();
        let open = std::mem::replace(&mut self.open, Segment { after, ..Segment::default() });
        if !open.ends.is_empty() {
            self.closed.push_back(Segment { after: open.after, ends: open.ends, bytes: open.bytes.into() });
        }
        self.image = Image::default();
    }
}

/// Events one behind another.
#[derive(Default)]
struct Segment<B> {
    /// The position before its first event.
    after: u64,
    /// Where each event ends in the bytes.
    ends: Vec<u32>,
    bytes: B,
}

impl<B: AsRef<[u8]>> Segment<B> {
    /// Sequence number of its last event; the position before it where it holds none.
    fn last(&self) -> u64 {
        self.after + self.ends.len() as u64
    }

    /// Where the events behind `position` lie, and the number of the last of them, as [`Log::run`] has it.
    fn stretch(&self, position: u64, until: u64, max_bytes: usize) -> (Range<usize>, u64) {
        let first = (position - self.after) as usize;
        let ends = &self.ends[first..(until.min(self.last()) - self.after) as usize];
        let start = first.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let fitting = ends.partition_point(|&end| end as usize - start <= max_bytes).max(1);
        (start..ends[fitting - 1] as usize, position + fitting as u64)
    }

    /// What of the events behind `position`, up to and with `until`, is here.
    fn part(&self, position: u64, until: u64) -> &[u8] {
        let [start, end] = [position, until].map(|seq| {
            let events = seq.clamp(self.after, self.last()) - self.after;
            events.checked_sub(1).map_or(0, |last| self.ends[last as usize] as usize)
        });
        &self.bytes.as_ref()[start..end]
    }
}

/// Bytes of the open segment that are shared already; at first those of its newest event.
#[derive(Default)]
struct Image {
    start: usize,
    bytes: Bytes,
}

impl Image {
    fn slice(&mut self, range: Range<usize>, open: &[u8]) -> Bytes {
        if range.start < self.start || range.end > self.start + self.bytes.len() {
            *self = Self { start: range.start, bytes: Bytes::copy_from_slice(&open[range.clone()]) };
        }
        self.bytes.slice(range.start - self.start..range.end - self.start)
    }
}

/// Events of several segments, put together; stale ones are known by their end.
#[derive(Default)]
struct Joint {
    last: u64,
    bytes: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event whose length and content follow from its number: of so many lengths that segments end anywhere.
    fn event(seq: u64) -> Bytes {
        let len = match seq % 7 {
            0 => LARGE + seq as usize,
            other => (other * other * 97) as usize,
        };
        Bytes::from(vec![seq as u8; len])
    }

    fn bytes(events: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        events.map(event).collect::<Vec<_>>().concat()
    }

    fn log(events: u64, capacity: usize) -> Log {
        let mut log = Log::default();
        (1..=events).for_each(|seq| log.append(event(seq), capacity));
        log
    }

    #[test]
    fn runs_one_behind_another_are_the_events_that_were_appended() {
        let mut log = log(300, 200);
        assert_eq!((log.trimmed(), log.head()), (100, 300));
        for (from, until, max_bytes) in
            [(100, 300, usize::MAX), (100, 300, 5_000), (231, 299, 0), (299, 300, 1)]
        {
            let (mut position, mut got) = (from, Vec::new());
            while position < until {
                let run = log.run(position, until, max_bytes);
                assert_eq!(run.last, position + run.events as u64);
                assert!(run.events == 1 || run.bytes.len() <= max_bytes);
                got.extend_from_slice(&run.bytes);
                position = run.last;
            }
            assert!(got == bytes(from + 1..=until), "{from}..={until} by {max_bytes}");
        }
    }

    #[test]
    fn everybody_who_keeps_up_shares_the_same_bytes() {
        let mut log = Log::default();
        for seq in 1..=3 {
            log.append(event(seq), 100);
        }
        let (first, second) = (log.run(0, 3, usize::MAX), log.run(0, 3, usize::MAX));
        assert_eq!((first.events, first.bytes.as_ptr()), (3, second.bytes.as_ptr()));
        let behind = event(1).len();
        assert_eq!(log.run(1, 3, usize::MAX).bytes.as_ptr(), first.bytes[behind..].as_ptr());
    }

    #[test]
    fn what_a_segment_could_hold_is_one_run_wherever_segments_part_and_shared() {
        let mut log = Log::default();
        for seq in 1..=100 {
            log.append(event(seq), 100);
            let fits = |after: &u64| bytes(after + 1..=seq).len() <= SEGMENT_BYTES;
            for after in (seq.saturating_sub(40)..seq).filter(fits) {
                let run = log.run(after, seq, usize::MAX);
                assert!(run.last == seq && run.bytes == bytes(after + 1..=seq), "{after}..={seq}");
                let again = log.run(after, seq, SEGMENT_BYTES);
                assert_eq!(again.bytes.as_ptr(), run.bytes.as_ptr(), "{after}..={seq}");
            }
        }
    }

    #[test]
    fn who_is_further_behind_takes_segments_as_they_are() {
        let mut log = log(300, 300);
        let run = log.run(0, 300, SEGMENT_BYTES);
        let first = &log.closed[0];
        assert_eq!((run.bytes.as_ptr(), run.last), (first.bytes.as_ptr(), first.last()));
    }

    #[test]
    fn the_newest_event_and_a_large_one_are_not_copied() {
        let mut log = Log::default();
        for seq in [6, 7] {
            let encoded = event(seq);
            log.append(encoded.clone(), 100);
            assert_eq!(log.run(seq - 6, seq - 5, 0).bytes.as_ptr(), encoded.as_ptr());
        }
    }

    #[test]
    fn what_is_not_retained_takes_up_one_segment_at_most() {
        let mut log = Log::default();
        for _ in 0..100_000 {
            log.append(Bytes::from_static(&[0; 100]), 10);
        }
        assert_eq!((log.trimmed(), log.head()), (99_990, 100_000));
        assert!(log.closed.len() <= 1, "{} segments", log.closed.len());
    }
}
