//! Pages next to a technique: a few files. `http::pages` serves them.

use std::collections::BTreeMap;

/// Where the clock is asked: nanoseconds of `CLOCK_MONOTONIC` in decimal digits.
pub const CLOCK: &str = "/clock";

/// A file of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Where it is served, such as `/` or `/bench/main.js`.
    pub path: &'static str,
    /// What it is, as `content-type`.
    pub media_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
}

/// The files by their paths.
#[derive(Debug, Clone, Default)]
pub struct Pages(BTreeMap<&'static str, File>);

impl Pages {
    /// Serves these; of two with the same path, the later one.
    pub fn new(files: impl IntoIterator<Item = File>) -> Self {
        Self(files.into_iter().map(|file| (file.path, file)).collect())
    }

    /// The file at this path.
    pub(crate) fn find(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }
}
