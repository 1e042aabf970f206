//! The files of a browser probe: `close-cases.json`, and `browsers/<client>.json` for each browser.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::atomic;
use crate::browsers::client;
use crate::browsers::probe::ProbeResult;

const CLOSE_CASES: &str = "close-cases.json";
const BROWSERS: &str = "browsers";

/// Where a browser probe is kept.
#[derive(Debug)]
pub(crate) struct BrowserProbes(PathBuf);

impl BrowserProbes {
    /// In this folder, a run's or any other.
    pub(crate) fn in_folder(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// Whether there is one.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.join(CLOSE_CASES).exists()
    }

    /// Keeps one; the close cases last, so that what [is kept](Self::is_kept) is whole.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn keep(&self, result: &ProbeResult) -> anyhow::Result<()> {
        if !result.findings.is_empty() {
            let folder = self.0.join(BROWSERS);
            fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
        }
        for findings in &result.findings {
            self.write(&format!("{BROWSERS}/{}.json", client::name(findings.client)), findings)?;
        }
        self.write(CLOSE_CASES, &result.close_cases)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let path = self.0.join(name);
        let writing = || format!("write {}", path.display());
        let mut text = serde_json::to_string_pretty(value).with_context(writing)?;
        text.push('\n');
        atomic::write(&path, text.as_bytes()).with_context(writing)
    }
}
