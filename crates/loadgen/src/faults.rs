//! Faults that a trial injects, and what its subscribers find of them.
//!
//! - `server_restart`: what all threads know of a restart of the server
//! - `recovery`: how a subscriber comes back after it
//! - `slow_consumer`: a subscriber that does not keep up
//! - `stall`: a pause of the whole server

mod recovery;
mod server_restart;
mod slow_consumer;
mod stall;

pub(crate) use recovery::{Ended, Recovery, RecoveryTimes};
pub use server_restart::ServerRestart;
pub(crate) use slow_consumer::{SlowConsumer, SlowConsumers, SlowReading};
pub use stall::release_server;
pub(crate) use stall::{Staller, wait};
