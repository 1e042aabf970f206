//! The files of the web pages, embedded in the program: the page of a trial, the demo, and the clients that both use.

use server_kit::settings::File;

use crate::registry::TECHNIQUES;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($path:literal, $media_type:expr, $name:literal) => {
        File { path: $path, media_type: $media_type, body: include_bytes!(concat!("../assets/", $name)) }
    };
}

static SHARED: [File; 3] = [
    file!("/clients/keep.js", SCRIPT, "clients/keep.js"),
    file!("/clients/http.js", SCRIPT, "clients/http.js"),
    file!("/vendor/socket.io.min.js", SCRIPT, "vendor/socket.io.min.js"),
];

static TRIAL: [File; 4] = [
    file!("/", HTML, "bench/page.html"),
    file!("/bench/main.js", SCRIPT, "bench/main.js"),
    file!("/bench/clock.js", SCRIPT, "bench/clock.js"),
    file!("/bench/session.js", SCRIPT, "bench/session.js"),
];

static DEMO: [File; 9] = [
    file!("/", HTML, "demo/index.html"),
    file!("/style.css", STYLE, "demo/style.css"),
    file!("/app.js", SCRIPT, "demo/app.js"),
    file!("/controls.js", SCRIPT, "demo/controls.js"),
    file!("/row.js", SCRIPT, "demo/row.js"),
    file!("/track.js", SCRIPT, "demo/track.js"),
    file!("/figures.js", SCRIPT, "demo/figures.js"),
    file!("/words.js", SCRIPT, "demo/words.js"),
    file!("/worker.js", SCRIPT, "demo/worker.js"),
];

/// The files of the page whose subscribers take part in a trial.
pub(crate) fn of_a_trial() -> impl Iterator<Item = File> {
    with_clients(&TRIAL)
}

/// The demo's file at this path.
pub(crate) fn of_the_demo(path: &str) -> Option<File> {
    with_clients(&DEMO).find(|file| file.path == path)
}

fn with_clients(page: &'static [File]) -> impl Iterator<Item = File> {
    let clients = TECHNIQUES.iter().filter_map(|technique| technique.page_client);
    page.iter().chain(&SHARED).copied().chain(clients)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_client_of_a_technique_is_named_after_it() {
        for technique in TECHNIQUES {
            let path = format!("/clients/{}.js", technique.slug);
            assert_eq!(technique.page_client.is_none(), of_the_demo(&path).is_none(), "{path}");
        }
    }

    /// The file names its version; where the official package is installed, both are identical.
    #[test]
    fn the_socket_io_client_is_the_official_one() {
        let client = of_the_demo("/vendor/socket.io.min.js").unwrap().body;
        let text = String::from_utf8_lossy(client);
        assert!(text.starts_with("/*!\n * Socket.IO v4."), "{}", &text[..60]);
        let installed = "../../targets/node/node_modules/socket.io-client/dist/socket.io.min.js";
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join(installed);
        if let Ok(official) = std::fs::read(installed) {
            assert!(official == client, "it differs from the installed package");
        }
    }
}
