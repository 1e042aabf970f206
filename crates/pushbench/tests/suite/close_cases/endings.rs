//! Close codes, by client. `DEVIATIONS` lists where a client is known to deviate from the standards, so that a change is
//! noticed, for better or worse.

use model::close_case::{CloseCase, Peer, SeenEvent};
use model::settings::Client;

use crate::close_cases::browser_probe::{browser_probe, browsers};

/// Codes of RFC 6455 §7.4.1.
const CODES: [u16; 12] = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1015];

/// Client, code, and the start of the situation.
const DEVIATIONS: [(Client, u16, &str); 8] = [
    // tungstenite answers with 1002, and reports to its caller that 1002 came.
    (Client::Native, 1005, "a server sends this code"),
    (Client::Native, 1006, "a server sends this code"),
    (Client::Native, 1015, "a server sends this code"),
    // No `error` event (RFC 6455 §7.2.1 has a client fail a connection that is lost).
    (Client::Chromium, 1006, "the connection ends"),
    (Client::Chromium, 1006, "the connection is reset"),
    (Client::Firefox, 1006, "the connection ends"),
    // It sends the server 1002, not 1007.
    (Client::Chromium, 1007, "a server sends text"),
    // It reports 1015 to the page, not 1006.
    (Client::Firefox, 1015, "the server's certificate"),
];

fn is_known(case: &CloseCase) -> bool {
    DEVIATIONS.iter().any(|&(client, code, start)| {
        (client, code) == (case.client, case.code) && case.situation.starts_with(start)
    })
}

fn assert_conforms(client: Client) {
    for case in browser_probe().cases_of(client) {
        assert_eq!(case.conforms, !is_known(case), "{case:?}");
    }
}

fn assert_every_code(client: Client) {
    for code in CODES {
        assert!(browser_probe().cases_of(client).any(|case| case.code == code), "{code} {client:?}");
    }
}

#[test]
fn the_native_client_conforms_for_every_code_except_known_deviations() {
    assert_every_code(Client::Native);
    assert_conforms(Client::Native);
}

#[test]
fn browsers_conform_for_every_code_except_known_deviations() {
    for client in browsers() {
        assert_every_code(client);
        assert_conforms(client);
    }
}

#[test]
fn every_client_reports_what_our_server_sends() {
    for case in &browser_probe().close_cases.close_cases {
        let CloseCase { by: Peer::Server, sent: Some(sent), events, .. } = case else { continue };
        if case.situation.starts_with("a server") {
            continue;
        }
        let shown = SeenEvent::Close {
            code: sent.code.expect("our server always gives a code"),
            reason: sent.reason.clone(),
            clean: true,
        };
        assert_eq!(events, &[SeenEvent::Open, shown], "{case:?}");
    }
}

#[test]
fn the_table_is_in_the_order_of_the_codes() {
    assert!(browser_probe().close_cases.close_cases.is_sorted_by_key(|case| case.code));
}
