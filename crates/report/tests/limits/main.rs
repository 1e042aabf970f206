//! What each technique can carry, what becomes of it past that, and what an event costs at equal latency, on synthetic runs.

#[path = "../fixture/mod.rs"]
mod fixture;
mod frontier;
mod publications;
mod saturation;

use fixture::reading::{cells, chart, folder, number, report, section};
