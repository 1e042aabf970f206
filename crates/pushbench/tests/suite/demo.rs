//! `pushbench demo`: its endpoints as any client meets them, and its page in real browsers.
//!
//! # Layout
//!
//! - `endpoints`: page, clock, setup, controls, and responses to bad input
//! - `effects`: delay, stall, rate and close, observed on the lanes' own ports; figures that add up
//! - `page`: both browsers; every lane hears, sliders by keyboard, stall, close, narrow screens, dark colours
//! - `screenshots`: the README's pictures, remade with `PUSHBENCH_SCREENSHOTS`
//! - `demo_process`: a running demo; `http`: requests as bytes

mod demo_process;
mod effects;
mod endpoints;
mod http;
mod page;
mod screenshots;
