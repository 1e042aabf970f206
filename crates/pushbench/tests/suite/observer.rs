//! Byte accounting against an independent observer: the kernel's loopback counters in a network namespace where nothing but the
//! trial runs, in real processes, for every technique and transport.
//!
//! # Layout
//!
//! - `bytes`: the layers of byte accounting and the packets' headers add up to what the kernel counted
//! - `endings`: where no namespace can be made; interrupts and deaths leave nothing behind
//! - `namespaces`: whether they can be made here; where not, tests are skipped by name

mod bytes;
mod endings;
mod namespaces;
