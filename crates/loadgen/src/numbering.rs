//! Who numbers messages, and how a number tells its channel where the publisher gives it.

use model::settings::Settings;

/// Who numbers messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// The server, as pushbench's own do.
    Server,
    /// The publisher: to the server, a message is any text.
    Publisher,
}

/// The numbers that the publisher gives: the channel in the upper bits, the place in the channel below. A subscriber knows by
/// them a message of a channel that it does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelNumbers {
    place_bits: u32,
}

impl ChannelNumbers {
    /// Those of so many channels. A stamp's number has 32 bits, so 200 channels leave room for 16 million messages each.
    pub fn new(channels: u32) -> Self {
        let channel_bits = u32::BITS - channels.max(1).saturating_sub(1).leading_zeros();
        Self { place_bits: u32::BITS - channel_bits }
    }

    /// Those of a trial: of its channels, and behind them, where subscribers send, of each subscriber as if it were a channel: what
    /// several send has no order of its own.
    pub fn of(settings: &Settings) -> Self {
        let senders = if settings.uplink.is_some() { settings.subscribers.count } else { 0 };
        Self::new(settings.subscribers.channels.max(1) + senders)
    }

    /// The number of a channel's message, of which the first is 1.
    pub fn number(self, channel: u32, place: u64) -> u64 {
        u64::from(channel) << self.place_bits | self.place(place)
    }

    /// The channel, and the place in it.
    pub fn read(self, number: u64) -> (u64, u64) {
        (number >> self.place_bits, self.place(number))
    }

    fn place(self, number: u64) -> u64 {
        number & ((1 << self.place_bits) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_channel_and_place_and_fits_a_stamp() {
        for channels in [1, 2, 3, 200, 256, 257, 10_000] {
            let numbers = ChannelNumbers::new(channels);
            for channel in [0, channels / 2, channels - 1] {
                for place in [1, 2, 100_000] {
                    let number = numbers.number(channel, place);
                    assert!(number <= protocol::message::MAX_SEQ);
                    assert_eq!(numbers.read(number), (u64::from(channel), place), "{channels}");
                }
            }
        }
        assert_eq!(ChannelNumbers::new(1).number(0, 7), 7, "one channel's numbers are the places");
    }
}
