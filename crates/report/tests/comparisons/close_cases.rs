//! How connections end.

use std::fs;

use model::settings::Client;

use super::fixture::runs::small;
use super::fixture::surveys::close_cases;
use super::{folder, line, report, section};

#[test]
fn every_way_of_ending_is_a_row_and_every_client_a_column() {
    let root = folder();
    let mut run = small();
    run.close_cases = Some(close_cases(&[Client::Native, Client::Firefox]));
    let report = report(root.path(), &run);
    let close_cases = section(&report, "close-cases");
    assert_eq!(
        line(close_cases, "| code |"),
        "| code | what happens | sent | pushbench's client | Firefox |"
    );
    assert_eq!(
        line(close_cases, "| 1000 |"),
        "| 1000 | situation 1000 | 1000 “bye”, by the server | ✓ open, message, close 1000 “bye” clean | \
         ✓ open, message, close 1000 “bye” clean |"
    );
    assert!(
        line(close_cases, "| 1011 |").contains("situation 1011 *(on request)* | 1011 “oh \\| no”"),
        "{close_cases}"
    );
    assert_eq!(
        line(close_cases, "| 1006 |"),
        "| 1006 | situation 1006 | nothing: the connection is cut | ✓ open, message, error, close 1006 not clean | \
         **✗ open, message, error, close 1006 not clean** |"
    );
    assert!(
        close_cases
            .contains("5 of 6 observations are as the standards demand. The others: Firefox with 1006"),
        "{close_cases}"
    );
}

#[test]
fn survey_that_cannot_be_read_is_named() {
    let root = folder();
    let dir = small().write(root.path(), "run");
    fs::write(dir.join("close-cases.json"), "{\"schema_version\": 99}").expect("writable");
    let out = root.path().join("REPORT.md");
    let rendered = report::render(&[dir], &out).expect("the rest is whole");
    assert_eq!(rendered.broken.len(), 1);
    let report = fs::read_to_string(out).expect("report is there");
    assert!(
        section(&report, "not-measured").contains("| `close-cases.json` | it has schema version 99"),
        "{report}"
    );
    assert!(section(&report, "close-cases").starts_with("*The ways of ending were not tried"), "{report}");
}
