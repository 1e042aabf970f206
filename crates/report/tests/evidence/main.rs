//! What stands as evidence in the report, on synthetic runs: recorded exchanges, the kernel's count, published figures.

#[path = "../fixture/mod.rs"]
mod fixture;
mod kernel;
mod publications;
mod theory;
mod timelines;
mod traces;

use fixture::reading::{folder, report, section};
