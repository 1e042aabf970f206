//! The page's files, inside of the program.

/// A file of the page.
#[derive(Debug)]
pub(super) struct File {
    /// Where it is asked for.
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) content: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($path:literal, $media_type:expr, $name:literal) => {
        File {
            path: $path,
            media_type: $media_type,
            content: include_bytes!(concat!("../../assets/", $name)),
        }
    };
}

static FILES: [File; 11] = [
    file!("/", HTML, "demo/index.html"),
    file!("/style.css", STYLE, "demo/style.css"),
    file!("/app.js", SCRIPT, "demo/app.js"),
    file!("/controls.js", SCRIPT, "demo/controls.js"),
    file!("/lane.js", SCRIPT, "demo/lane.js"),
    file!("/track.js", SCRIPT, "demo/track.js"),
    file!("/figures.js", SCRIPT, "demo/figures.js"),
    file!("/words.js", SCRIPT, "demo/words.js"),
    file!("/worker.js", SCRIPT, "demo/worker.js"),
    file!("/clients.js", SCRIPT, "demo/clients.js"),
    file!("/socket.io.min.js", SCRIPT, "vendor/socket.io.min.js"),
];

/// The file at this path.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}
