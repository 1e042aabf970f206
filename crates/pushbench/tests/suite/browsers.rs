//! Trials whose subscribers are pages in real browsers, in real processes. Counts, and never times.
//!
//! # Layout
//!
//! - `trials`: every technique in both browsers, with nothing missing
//! - `faults`: browsers that are missing, pages that never answer, servers that die
//! - `left`: whether something of a browser is left

mod faults;
mod left;
mod trials;
