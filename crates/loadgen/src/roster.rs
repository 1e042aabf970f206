//! Who reads which channel, and on which load thread.

use std::ops::Range;

use schema::settings::Subscribers;

/// The subscribers of a trial by channel and by thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roster {
    subscribers: u32,
    channels: u32,
    threads: u32,
}

impl Roster {
    /// Spreads `subscribers` evenly over their channels and over `threads`.
    pub fn new(subscribers: &Subscribers, threads: usize) -> Self {
        let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        Self { subscribers: subscribers.count, channels: subscribers.channels.max(1), threads }
    }

    /// How many subscribers there are.
    pub fn subscribers(&self) -> u32 {
        self.subscribers
    }

    /// How many channels there are.
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// How many load threads there are.
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// The channel of a subscriber.
    pub fn channel_of(&self, subscriber: u32) -> u32 {
        subscriber % self.channels
    }

    /// How many read a channel.
    pub fn members(&self, channel: u32) -> u64 {
        u64::from((self.subscribers + self.channels - 1).saturating_sub(channel) / self.channels)
    }

    /// The subscribers of a thread: neighbours, so that every thread has members of every channel.
    pub fn of_thread(&self, thread: u32) -> Range<u32> {
        let edge = |thread: u32| {
            let edge = u64::from(self.subscribers) * u64::from(thread) / u64::from(self.threads);
            u32::try_from(edge).unwrap_or(self.subscribers)
        };
        edge(thread)..edge(thread + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(count: u32, channels: u32, threads: usize) -> Roster {
        Roster::new(&Subscribers { count, channels, added_delay_ns: 0 }, threads)
    }

    #[test]
    fn every_subscriber_is_a_member_of_one_channel() {
        for (count, channels) in [(0, 1), (1, 1), (10, 3), (10, 10), (3, 5), (40, 4)] {
            let roster = roster(count, channels, 1);
            for channel in 0..channels {
                let members = (0..count).filter(|&subscriber| roster.channel_of(subscriber) == channel);
                assert_eq!(
                    roster.members(channel),
                    members.count() as u64,
                    "{count} in {channels}: {channel}"
                );
            }
        }
    }

    #[test]
    fn every_subscriber_is_on_one_thread() {
        for (count, threads) in [(0, 2), (1, 3), (10, 3), (200, 7)] {
            let roster = roster(count, 1, threads);
            let all: Vec<u32> = (0..threads as u32).flat_map(|thread| roster.of_thread(thread)).collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
