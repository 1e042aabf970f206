//! Subscribers that are pages of a real browser: the page, and a trial's conversation with it.
//!
//! The page is served by the server under test beside the technique, so that it is of the same origin. It subscribes,
//! sends, and notes what came when by its own clock; what it hands back goes through the same recorder as everybody's.
//! Bytes are not counted: nobody stands at a browser's socket.
//!
//! # Layout
//!
//! - [`audience`]: the thread on which the browser is driven
//! - `conversation`: what is said to the page, step by step; `told`, `found`: in its words
//! - `clock`: how far the page's clock is off
//! - [`taking_part`]: which trials a browser takes part in

pub(crate) mod audience;
mod clock;
mod conversation;
mod error;
mod found;
pub(crate) mod taking_part;
mod told;

use model::settings::Client;
use server_kit::pages::{File, Pages};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($path:literal, $media_type:expr, $name:literal) => {
        File { path: $path, media_type: $media_type, body: include_bytes!(concat!("../assets/", $name)) }
    };
}

const FILES: [File; 11] = [
    file!("/", HTML, "bench/page.html"),
    file!("/bench/main.js", SCRIPT, "bench/main.js"),
    file!("/bench/clock.js", SCRIPT, "bench/clock.js"),
    file!("/bench/session.js", SCRIPT, "bench/session.js"),
    file!("/bench/keep.js", SCRIPT, "bench/keep.js"),
    file!("/bench/techniques.js", SCRIPT, "bench/techniques.js"),
    file!("/bench/http.js", SCRIPT, "bench/http.js"),
    file!("/bench/polling.js", SCRIPT, "bench/polling.js"),
    file!("/bench/streaming.js", SCRIPT, "bench/streaming.js"),
    file!("/bench/websocket.js", SCRIPT, "bench/websocket.js"),
    file!("/bench/socketio.js", SCRIPT, "bench/socketio.js"),
];
const SOCKET_IO: File = file!("/vendor/socket.io.min.js", SCRIPT, "vendor/socket.io.min.js");

/// The page that subscribes.
pub(crate) fn of_the_bench() -> Pages {
    Pages::new(FILES.into_iter().chain([SOCKET_IO]))
}

/// The browser that this client is a page of; none for our own.
pub(crate) fn browser_of(client: Client) -> Option<browser::BrowserKind> {
    match client {
        Client::Native => None,
        Client::Chromium => Some(browser::BrowserKind::Chromium),
        Client::Firefox => Some(browser::BrowserKind::Firefox),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The file says itself which version it is; where the official package is installed, it is the same to the byte.
    #[test]
    fn the_socket_io_client_is_the_official_one() {
        let text = String::from_utf8_lossy(SOCKET_IO.body);
        assert!(text.starts_with("/*!\n * Socket.IO v4."), "{}", &text[..60]);
        let installed = "../../targets/node/node_modules/socket.io-client/dist/socket.io.min.js";
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join(installed);
        if let Ok(official) = std::fs::read(installed) {
            assert!(official == SOCKET_IO.body, "it differs from the package that is installed");
        }
    }
}
