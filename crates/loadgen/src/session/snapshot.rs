//! A reading of a load thread's counters, and what came between two of them.

use std::ops::AddAssign;

use model::byte_account::{Account, Layers};
use model::trial::Segments;
use serde::{Deserialize, Serialize};

use crate::recorder::Counters;

/// A reading of a thread's counters.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// What was counted.
    pub counters: Counters,
    /// Bytes by layer.
    pub account: Account,
    /// Bytes read from the sockets.
    pub socket_read: u64,
    /// Bytes written to the sockets.
    pub socket_written: u64,
    /// Segments of the sockets, by the kernel.
    pub segments: Segments,
}

impl AddAssign for Snapshot {
    fn add_assign(&mut self, other: Self) {
        self.counters += other.counters;
        self.account += other.account;
        self.socket_read += other.socket_read;
        self.socket_written += other.socket_written;
        self.segments += other.segments;
    }
}

impl Snapshot {
    /// What was counted between an earlier reading and this one. Bytes that were `unfinished` at either reading are
    /// left out: they belong to the moment at which they were given to their layer.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            counters: self.counters - earlier.counters,
            account: Account {
                up: attributed(self.account.up) - attributed(earlier.account.up),
                down: attributed(self.account.down) - attributed(earlier.account.down),
            },
            socket_read: self.socket_read - earlier.socket_read,
            socket_written: self.socket_written - earlier.socket_written,
            segments: self.segments - earlier.segments,
        }
    }
}

fn attributed(layers: Layers) -> Layers {
    Layers { unfinished: 0, ..layers }
}
