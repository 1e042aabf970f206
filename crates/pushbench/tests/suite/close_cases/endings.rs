//! Close codes, by client. Where a client is known to do other than the standards say, it stands in `DEVIATIONS`, so that a
//! change of it is noticed, to the better or the worse.

use model::close_case::{CloseCase, Peer, SeenEvent};
use model::settings::Client;

use crate::close_cases::browser_probe::{browser_probe, browsers};

/// Codes of RFC 6455 §7.4.1.
const CODES: [u16; 12] = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1015];

/// Client, code, and how its situation begins.
const DEVIATIONS: [(Client, u16, &str); 8] = [
    // tungstenite answers by 1002, and tells its caller that this was what came.
    (Client::Native, 1005, "a server sends this code"),
    (Client::Native, 1006, "a server sends this code"),
    (Client::Native, 1015, "a server sends this code"),
    // No `error` event (RFC 6455 §7.2.1 has a client fail a connection that is lost).
    (Client::Chromium, 1006, "the connection ends"),
    (Client::Chromium, 1006, "the connection is reset"),
    (Client::Firefox, 1006, "the connection ends"),
    // It tells the server 1002, not 1007.
    (Client::Chromium, 1007, "a server sends text"),
    // It tells the page 1015, not 1006.
    (Client::Firefox, 1015, "the server's certificate"),
];

fn is_known(closing: &CloseCase) -> bool {
    DEVIATIONS.iter().any(|&(client, code, begin)| {
        (client, code) == (closing.client, closing.code) && closing.situation.starts_with(begin)
    })
}

fn assert_conforms(client: Client) {
    for closing in browser_probe().closings_of(client) {
        assert_eq!(closing.conforms, !is_known(closing), "{closing:?}");
    }
}

fn assert_every_code(client: Client) {
    for code in CODES {
        assert!(browser_probe().closings_of(client).any(|closing| closing.code == code), "{code} {client:?}");
    }
}

#[test]
fn the_native_client_sees_every_code_as_the_standard_has_it_but_where_it_is_known_not_to() {
    assert_every_code(Client::Native);
    assert_conforms(Client::Native);
}

#[test]
fn browsers_see_every_code_as_the_standards_have_it_but_where_they_are_known_not_to() {
    for client in browsers() {
        assert_every_code(client);
        assert_conforms(client);
    }
}

#[test]
fn what_our_server_says_is_what_every_client_is_shown() {
    for closing in &browser_probe().close_cases.close_cases {
        let CloseCase { by: Peer::Server, sent: Some(sent), events, .. } = closing else { continue };
        if closing.situation.starts_with("a server") {
            continue;
        }
        let shown = SeenEvent::Close {
            code: sent.code.expect("our server always gives a code"),
            reason: sent.reason.clone(),
            clean: true,
        };
        assert_eq!(events, &[SeenEvent::Open, shown], "{closing:?}");
    }
}

#[test]
fn the_table_is_in_the_order_of_the_codes() {
    assert!(browser_probe().close_cases.close_cases.is_sorted_by_key(|closing| closing.code));
}
