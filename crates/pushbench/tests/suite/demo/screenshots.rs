//! The README's pictures: light and dark on a desk, and on a phone.
//!
//! `PUSHBENCH_SCREENSHOTS=docs cargo test -p pushbench --test demo screenshots` remakes `docs/demo-light.png`, `demo-dark.png`
//! and `demo-phone.png` in the folder that it names, seen from the repository's root; the other browser's go beside them
//! as `firefox-*`. Without it, pictures are only made and looked at for their size.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use browser::{Browser, BrowserKind, Scheme};
use serde_json::json;

use crate::browsers::installed;
use crate::demo::demo_process::Demo;

const FOLDER: &str = "PUSHBENCH_SCREENSHOTS";

/// A picture: its name, colours, viewport, and what is done before it is taken.
struct Picture {
    name: &'static str,
    scheme: Scheme,
    width: u32,
    height: u32,
    scene: &'static str,
}

const STALL: &str = "
    set('rate_per_s', '10 a second');
    await pause(9000);
    inner().querySelector('#stall').click();
    await pause(4600);";
const CLOSE: &str = "
    set('rate_per_s', '20 a second');
    set('delay_ms', '50\u{a0}ms each way');
    await pause(8000);
    inner().querySelector('#close').click();
    await pause(5500);";

const PICTURES: [Picture; 3] = [
    Picture { name: "demo-light.png", scheme: Scheme::Light, width: 1400, height: 1010, scene: STALL },
    Picture { name: "demo-dark.png", scheme: Scheme::Dark, width: 1400, height: 1010, scene: CLOSE },
    Picture { name: "demo-phone.png", scheme: Scheme::Light, width: 390, height: 1060, scene: STALL },
];

/// What a scene can do: move a slider to what it shall say, and wait.
const TOOLS: &str = "
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const set = (id, text) => {
        const slider = inner().getElementById(id);
        for (slider.value = 0; ; slider.stepUp()) {
            slider.dispatchEvent(new Event('input'));
            if (slider.getAttribute('aria-valuetext') === text) return;
            if (slider.value === slider.max) throw new Error(`${id} never says ${text}`);
        }
    };";

#[tokio::test]
async fn the_pictures_can_be_taken() {
    let folder = std::env::var_os(FOLDER).map(|folder| root().join(folder));
    for kind in BrowserKind::ALL {
        for picture in &PICTURES {
            let Some(found) = installed(kind) else { continue };
            let mut browser = found.start_in(picture.scheme).await.expect("the browser starts");
            let png = take(&mut browser, picture, folder.is_some()).await;
            assert_eq!(png[1..4], *b"PNG");
            assert!(
                png.len() > 20_000,
                "{kind} {}: {} bytes, as if there were nothing on it",
                picture.name,
                png.len()
            );
            if let Some(folder) = &folder {
                let prefix = if kind == BrowserKind::Chromium { "" } else { "firefox-" };
                let path = folder.join(format!("{prefix}{}", picture.name));
                keep(&mut browser, &png, picture, &path).await;
            }
            browser.quit().await.unwrap();
        }
    }
}

/// The whole scene takes a while; a look at the lanes is enough where nobody keeps the picture. The page is in a frame,
/// since no window is as narrow as a phone.
async fn take(browser: &mut Browser, picture: &Picture, keep: bool) -> Vec<u8> {
    let demo = Demo::start();
    let Picture { width, height, .. } = *picture;
    browser.open(&format!("{}clock", demo.url())).await.unwrap();
    let border = "return [outerWidth - innerWidth, outerHeight - innerHeight]";
    let border = browser.call(border, Vec::new()).await.unwrap();
    let border = |at: usize| border[at].as_u64().and_then(|border| u32::try_from(border).ok()).unwrap_or(0);
    browser.resize(width + border(0), height + border(1)).await.unwrap();
    let frame = format!(
        "document.body.innerHTML = '<iframe src=\"/\" style=\"border: 0; width: {width}px; height: {height}px\"></iframe>';
         document.body.style.margin = 0; document.documentElement.style.overflow = 'hidden';
         const inner = () => document.querySelector('iframe').contentDocument;
         while (!(parseFloat(inner()?.querySelector('.lane:last-child .each b')?.textContent) > 0)) await pause(50);
         inner().documentElement.style.scrollbarWidth = 'none';"
    );
    let scene = if keep { picture.scene } else { "" };
    browser.call(&format!("{TOOLS}{frame}{scene}"), Vec::new()).await.unwrap();
    browser.screenshot().await.unwrap()
}

/// Cuts what lies beside the frame, and takes a palette.
async fn keep(browser: &mut Browser, png: &[u8], picture: &Picture, path: &Path) {
    let arguments = vec![json!(BASE64_STANDARD.encode(png)), json!(picture.width), json!(picture.height)];
    let small = browser.call(include_str!("palette.js"), arguments).await.unwrap();
    let small = BASE64_STANDARD.decode(small.as_str().unwrap()).unwrap();
    std::fs::write(path, small).unwrap();
}

#[test]
fn the_readmes_pictures_are_there_and_small() {
    for picture in &PICTURES {
        let path = root().join("docs").join(picture.name);
        let len =
            std::fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).len();
        assert!(
            len < 150_000,
            "{} has {len} bytes; take it again as this file's first lines say",
            picture.name
        );
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
