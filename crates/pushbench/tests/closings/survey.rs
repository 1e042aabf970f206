//! One survey for all tests.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use schema::browser::BrowserFindings;
use schema::closing::{Closing, Closings};
use schema::settings::Client;
use serde::de::DeserializeOwned;

/// A survey of all clients takes no longer.
const LONGEST: Duration = Duration::from_secs(90);

pub(crate) struct Survey {
    pub(crate) closings: Closings,
    findings: Vec<BrowserFindings>,
    took: Duration,
}

/// The survey of native and the browsers that are here; made by whoever asks first.
pub(crate) fn survey() -> &'static Survey {
    static SURVEY: OnceLock<Survey> = OnceLock::new();
    SURVEY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let begin = Instant::now();
        let told = Command::new(env!("CARGO_BIN_EXE_pushbench"))
            .args(["survey", "--out"])
            .arg(folder.path())
            .output()
            .unwrap();
        let took = begin.elapsed();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let closings: Closings = read(&folder.path().join("closings.json"));
        let findings =
            closings.clients.iter().filter_map(|&client| findings(folder.path(), client)).collect();
        Survey { closings, findings, took }
    })
}

impl Survey {
    pub(crate) fn of(&self, client: Client) -> &BrowserFindings {
        self.findings.iter().find(|found| found.client == client).expect("a browser's findings")
    }

    pub(crate) fn closings_of(&self, client: Client) -> impl Iterator<Item = &Closing> {
        self.closings.closings.iter().filter(move |closing| closing.client == client)
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
fn a_survey_of_all_clients_is_bounded() {
    let survey = survey();
    assert!(survey.took < LONGEST, "{:?}", survey.took);
}
