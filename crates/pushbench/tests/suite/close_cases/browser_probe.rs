//! One browser probe for all tests.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use browser::BrowserKind;
use model::browser::BrowserFindings;
use model::close_case::{CloseCase, CloseCases};
use model::settings::Client;
use serde::de::DeserializeOwned;

use crate::browsers::installed;

/// A browser probe of all clients takes no longer.
const LONGEST: Duration = Duration::from_secs(90);

pub(crate) struct BrowserProbe {
    pub(crate) close_cases: CloseCases,
    findings: Vec<BrowserFindings>,
    took: Duration,
}

/// The browser probe of the native client and the installed browsers; made once.
pub(crate) fn browser_probe() -> &'static BrowserProbe {
    static PROBE: OnceLock<BrowserProbe> = OnceLock::new();
    PROBE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_pushbench"))
            .args(["browser-probe", "--out"])
            .arg(folder.path())
            .output()
            .unwrap();
        let took = start.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let close_cases: CloseCases = read(&folder.path().join("close-cases.json"));
        let findings =
            close_cases.clients.iter().filter_map(|&client| findings(folder.path(), client)).collect();
        BrowserProbe { close_cases, findings, took }
    })
}

/// The installed browsers. For the others, the test is skipped or fails.
pub(crate) fn browsers() -> Vec<Client> {
    let all = [(BrowserKind::Chromium, Client::Chromium), (BrowserKind::Firefox, Client::Firefox)];
    all.into_iter().filter_map(|(kind, client)| installed(kind).map(|_| client)).collect()
}

impl BrowserProbe {
    pub(crate) fn of(&self, client: Client) -> &BrowserFindings {
        self.findings.iter().find(|found| found.client == client).expect("a browser's findings")
    }

    pub(crate) fn cases_of(&self, client: Client) -> impl Iterator<Item = &CloseCase> {
        self.close_cases.close_cases.iter().filter(move |case| case.client == client)
    }
}

fn findings(folder: &Path, client: Client) -> Option<BrowserFindings> {
    let name = match client {
        Client::Native => return None,
        Client::Chromium => "chromium",
        Client::Firefox => "firefox",
    };
    Some(read(&folder.join(format!("browsers/{name}.json"))))
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_probe_of_all_clients_is_bounded() {
    let browser_probe = browser_probe();
    assert!(browser_probe.took < LONGEST, "{:?}", browser_probe.took);
}
