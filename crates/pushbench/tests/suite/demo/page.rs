//! The page in both browsers, and the README's pictures: light and dark on a desk, and on a phone.
//!
//! `PUSHBENCH_SCREENSHOTS=docs cargo test -p pushbench --test suite pictures` remakes `docs/demo-light.png`, `demo-dark.png`
//! and `demo-phone.png` in the folder that it names, seen from the repository's root; the other browser's go beside them
//! as `firefox-*`. Without it, pictures are only made and looked at for their size.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use browser::{Browser, BrowserKind, Key, Scheme};
use serde_json::{Value, json};

use super::Demo;
use crate::browsers::installed;

/// Shared by the scripts of these tests. The driver's limit for scripts bounds `until`.
const TOOLS: &str = "
    const $ = (selector) => document.querySelector(selector);
    const until = async (met) => { while (!met()) await new Promise((done) => setTimeout(done, 20)); };
    const rows = () => [...document.querySelectorAll('.technique')];
    const text = (row, selector) => row.querySelector(selector).textContent;
    const number = (row, selector) => parseFloat(text(row, selector));
";

/// Opens the page, and waits for its events; records console errors from then on.
async fn opened(demo: &Demo, browser: &mut Browser) {
    browser.open(&demo.url()).await.unwrap();
    // By an element, since Firefox runs a driver's scripts outside the page's own world.
    let ready = "
        const script = document.createElement('script');
        script.textContent = `window.logged = [];
            for (const kind of ['error', 'warn']) {
                const log = console[kind];
                console[kind] = (...what) => { logged.push(String(what)); log.apply(console, what); };
            }`;
        document.head.append(script);
        await until(() => rows().length > 0 && rows().every((row) => number(row, '.each b') > 0));";
    run(browser, ready).await;
}

async fn run(browser: &mut Browser, script: &str) -> Value {
    browser.call(&format!("{TOOLS}{script}"), Vec::new()).await.unwrap()
}

async fn assert_nothing_logged(browser: &mut Browser) {
    let found = run(browser, "return [window.logged, $('#error').textContent]").await;
    assert_eq!(found, json!([[], ""]));
}

/// Every test once for each browser.
macro_rules! in_both {
    ($($(#[$meta:meta])* $name:ident: $scheme:expr;)+) => {
        mod chromium { $(#[tokio::test] async fn $name() { super::with(super::BrowserKind::Chromium, $scheme, super::$name).await; })+ }
        mod firefox { $(#[tokio::test] async fn $name() { super::with(super::BrowserKind::Firefox, $scheme, super::$name).await; })+ }
    };
}

in_both! {
    every_technique_receives_the_feed_and_shows_its_cost: browser::Scheme::Light;
    a_slider_that_is_moved_by_keyboard_moves_the_server: browser::Scheme::Light;
    a_stall_and_a_closed_websocket_show: browser::Scheme::Light;
    a_narrow_screen_needs_no_horizontal_scrolling_and_dark_is_dark: browser::Scheme::Dark;
}

async fn with(kind: BrowserKind, scheme: Scheme, check: impl AsyncFn(&Demo, &mut Browser)) {
    let Some(found) = installed(kind) else { return };
    let mut browser = found.start_in(scheme).await.expect("the browser starts");
    let demo = Demo::start();
    opened(&demo, &mut browser).await;
    check(&demo, &mut browser).await;
    assert_nothing_logged(&mut browser).await;
    browser.quit().await.unwrap();
}

async fn every_technique_receives_the_feed_and_shows_its_cost(demo: &Demo, browser: &mut Browser) {
    let page = run(
        browser,
        "await until(() => rows().every((row) => number(row, '.half b') > 0 && text(row, '.words').includes('event')));
         const stack = (row) => row.querySelector('.stack').getAttribute('aria-label');
         await until(() => rows().every((row) => stack(row).includes('payload')));
         await until(() => /brings each in/.test($('#gist').textContent) && /agree to ± [0-9.]+ ms/.test($('#clock').textContent));
         return {
            isolated: crossOriginIsolated,
            open: rows().map((row) => number(row, '.open b')),
            slugs: rows().map((row) => row.dataset.slug),
            stacks: rows().map(stack),
         };",
    )
    .await;
    assert_eq!(page["isolated"], true);
    let slugs: Vec<_> =
        demo.setup()["techniques"].as_array().unwrap().iter().map(|it| it["slug"].clone()).collect();
    assert_eq!(page["slugs"], json!(slugs));
    for (stack, open) in page["stacks"].as_array().unwrap().iter().zip(page["open"].as_array().unwrap()) {
        assert!(stack.as_str().unwrap().contains("payload"), "{stack}");
        assert!(open.as_f64().unwrap() >= 1.0, "{page}");
    }
}

async fn a_slider_that_is_moved_by_keyboard_moves_the_server(demo: &Demo, browser: &mut Browser) {
    run(browser, "$('#rate_per_s').focus()").await;
    browser.press(Key::Right).await.unwrap();
    browser.press(Key::Right).await.unwrap();
    let slider = run(
        browser,
        "await until(() => $('#status').textContent.includes('20 a second'));
         return [$('#rate_per_s').getAttribute('aria-valuetext'), document.activeElement.id]",
    )
    .await;
    assert_eq!(slider, json!(["20 a second", "rate_per_s"]));
    assert_eq!(demo.setup()["controls"]["rate_per_s"], 20.0);
    // Tab moves to the next control, and the focused control shows it.
    browser.press(Key::Tab).await.unwrap();
    let next = run(
        browser,
        "return [document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]",
    );
    assert_eq!(next.await, json!(["payload_bytes", "solid"]));
    // A code that must not be sent is rejected in words.
    let rejected = run(
        browser,
        "$('#code').value = 1006; $('#close').click();
        await until(() => $('#status').classList.contains('rejected')); 
        return $('#status').textContent",
    );
    assert!(rejected.await.as_str().unwrap().contains("1006"));
}

async fn a_stall_and_a_closed_websocket_show(_: &Demo, browser: &mut Browser) {
    let words = run(
        browser,
        "// Pressed again where a slow machine has missed the second.
         const words = () => rows().map((row) => text(row, '.words'));
         await until(() => { $('#stall').click(); return words().some((text) => text.startsWith('Silent for')); });
         await until(() => words().every((text) => text.startsWith('The server stood still')));
         return words();",
    )
    .await;
    for words in words.as_array().unwrap() {
        assert!(words.as_str().unwrap().contains("late"), "{words}");
    }
    let most =
        "return rows().map((row) => number(row, '.most b') * (text(row, '.most small') === ' s' ? 1000 : 1))";
    for most_ms in run(browser, most).await.as_array().unwrap() {
        assert!(most_ms.as_f64().unwrap() >= 500.0, "p99 is {most_ms} ms after a stall of a second");
    }
    let closed = run(
        browser,
        "$('#code').value = 4003; $('#close').click();
         const row = $('[data-slug=websocket]');
         await until(() => text(row, '.words').startsWith('Closed by the server with 4003 (requested by the page)'));
         await until(() => $('#status').textContent.includes('connected again after'));
         await until(() => number(row, '.open b') === 1);
         return $('#status').textContent",
    )
    .await;
    assert!(
        closed.as_str().unwrap().starts_with("WebSocket was closed with 4003, and connected again after"),
        "{closed}"
    );
}

/// Firefox has no window narrower than 500, so a frame stands for the phone in both browsers.
async fn a_narrow_screen_needs_no_horizontal_scrolling_and_dark_is_dark(_: &Demo, browser: &mut Browser) {
    let found = run(
        browser,
        "const page = getComputedStyle(document.body);
         const light = (colour) => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
         const widths = [];
         for (const width of [360, 700, 1280]) {
            const frame = document.createElement('iframe');
            frame.style = `width: ${width}px; height: 900px; border: 0`;
            frame.src = '/';
            document.body.append(frame);
            const inner = () => frame.contentDocument;
            await until(() => inner()?.querySelectorAll('.technique .each b').length > 0
                && [...inner().querySelectorAll('.technique .each b')].every((each) => parseFloat(each.textContent) > 0));
            widths.push([width, inner().documentElement.scrollWidth <= frame.clientWidth]);
            frame.remove();
         }
         return [light(page.backgroundColor) < 150, light(page.color) > 600, widths];",
    )
    .await;
    assert_eq!(found, json!([true, true, [[360, true], [700, true], [1280, true]]]));
}

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
const SCENE_TOOLS: &str = "
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

/// The whole scene takes a while; a look at the rows is enough where nobody keeps the picture. The page is in a frame,
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
         while (!(parseFloat(inner()?.querySelector('.technique:last-child .each b')?.textContent) > 0)) await pause(50);
         inner().documentElement.style.scrollbarWidth = 'none';"
    );
    let scene = if keep { picture.scene } else { "" };
    browser.call(&format!("{SCENE_TOOLS}{frame}{scene}"), Vec::new()).await.unwrap();
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
