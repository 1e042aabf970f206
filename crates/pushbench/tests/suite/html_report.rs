//! The one-file report of the committed results in both browsers: it needs nothing else, its chooser answers what `pushbench advise`
//! answers, and it can be read on a phone, in the dark, and by keyboard.
//!
//! `PUSHBENCH_SCREENSHOTS=FOLDER cargo test -p pushbench --test suite html_report` keeps pictures of the page in that folder.

use std::path::Path;

use browser::{Browser, BrowserKind, Key, Scheme};
use serde_json::{Value, json};

use crate::browsers::installed;
use crate::sandbox::Sandbox;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const SETTINGS: u64 = 50;

/// Writes the report, and calls `check` with the page open in each browser that is installed.
async fn in_each(scheme: Scheme, check: impl AsyncFn(&Sandbox, &mut Browser)) {
    let sandbox = Sandbox::new();
    let runs: Vec<String> = std::fs::read_dir(Path::new(ROOT).join("results"))
        .expect("there are results")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .map(|path| path.display().to_string())
        .collect();
    let page = sandbox.path("report.html");
    let arguments = format!("report {} --out REPORT.md --html report.html", runs.join(" "));
    sandbox.output(&arguments).expect(0, &[]);
    for kind in BrowserKind::ALL {
        let Some(found) = installed(kind) else { continue };
        let mut browser = found.start_in(scheme).await.expect("the browser starts");
        browser.open(&format!("file://{}", page.display())).await.unwrap();
        check(&sandbox, &mut browser).await;
        browser.quit().await.unwrap();
    }
}

async fn run(browser: &mut Browser, script: &str) -> Value {
    browser.call(script, Vec::new()).await.unwrap()
}

/// What is chosen, the runner-up, and the techniques in their order, each with its cost as a multiple of the cheapest.
#[derive(Debug, PartialEq)]
struct Answer {
    best: Vec<String>,
    next: Option<String>,
    ranking: Vec<(String, String)>,
}

impl Answer {
    fn new(verdict: &str, ranking: Vec<(String, String)>) -> Self {
        let (best, rest) = verdict.split_once(" (p99").unwrap_or((verdict, verdict));
        let best = best.split(". Next").next().unwrap_or(best).trim_end_matches('.');
        let is_none = best.starts_with("No technique");
        let mut best: Vec<String> = best.split(" ≈ ").filter(|_| !is_none).map(str::to_owned).collect();
        best.sort();
        let next = rest.split_once("Next: ").or_else(|| rest.split_once("Next is "));
        let next = next.and_then(|(_, next)| Some(next.split_once(", at ")?.0.to_owned()));
        Self { best, next, ranking }
    }

    fn on_the_page(found: &Value) -> Self {
        let row = |row: &Value| {
            let cost = row[1].as_str().expect("a cost").trim_start_matches("≈ best, ").replace(',', "");
            (row[0].as_str().expect("a label").to_owned(), cost)
        };
        let ranking = found["ranking"].as_array().expect("a list").iter().map(row).collect();
        Self::new(found["verdict"].as_str().expect("a verdict"), ranking)
    }

    fn of_the_command(text: &str) -> Self {
        let mut lines = text.lines();
        let verdict = lines.next().expect("a verdict");
        let rows = lines.skip(2).take_while(|line| !line.is_empty());
        let row = |line: &str| {
            let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            (cells[0].to_owned(), cells[cells.len() - 2].to_owned())
        };
        Self::new(verdict, rows.map(row).collect())
    }
}

#[tokio::test]
async fn the_chooser_answers_as_the_command_does() {
    in_each(Scheme::Light, async |sandbox, browser| {
        let script = format!(
            "let seed = 7;
             const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
             const form = document.querySelector('#sliders');
             const text = (part, selector) => part.querySelector(selector).textContent;
             return Array.from({{ length: {SETTINGS} }}, () => {{
                for (const input of form.querySelectorAll('input')) {{
                    if (input.type === 'checkbox') input.checked = random() < 0.5;
                    else input.value = Number(input.min) + random() * (input.max - input.min);
                }}
                form.dispatchEvent(new Event('input'));
                const ranking = [...document.querySelectorAll('#ranking li')].map((row) => [text(row, 'b'), text(row, '.head span')]);
                return {{ command: text(document, '#command'), verdict: text(document, '#verdict'), ranking }};
             }});"
        );
        let found = run(browser, &script).await;
        let found = found.as_array().expect("a list");
        assert_eq!(found.len() as u64, SETTINGS);
        for found in found {
            let command = found["command"].as_str().expect("a command");
            let arguments = format!("{command} --model {ROOT}/results/model.json");
            let output = sandbox.output(arguments.trim_start_matches("pushbench "));
            output.expect(0, &[]);
            assert_eq!(Answer::on_the_page(found), Answer::of_the_command(&output.out), "{command}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_page_needs_nothing_else_and_fits_a_phone() {
    in_each(Scheme::Dark, async |_, browser| {
        // Firefox has no window narrower than 500, so a frame stands for the phone in both browsers.
        let found = run(
            browser,
            "const light = (colour) => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
             const page = getComputedStyle(document.body);
             const loaded = performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !name.startsWith('data:'));
             const widths = [];
             for (const width of [360, 700, 1280]) {
                const frame = document.createElement('iframe');
                frame.style = `width: ${width}px; height: 900px; border: 0`;
                frame.srcdoc = document.documentElement.outerHTML;
                document.body.append(frame);
                await new Promise((done) => { frame.onload = done; });
                const root = frame.contentDocument.documentElement;
                const isWide = (part) => part.getBoundingClientRect().right > frame.clientWidth && !part.closest('.scroll, svg');
                const wide = root.scrollWidth <= frame.clientWidth ? [] : ['it scrolls', ...[...root.querySelectorAll('body *')].filter(isWide)];
                widths.push([width, wide.map((part) => part.tagName ? `${part.tagName} ${part.id} ${part.className}` : part)]);
                frame.remove();
             }
             return [light(page.backgroundColor) < 150, light(page.color) > 600, loaded, widths];",
        )
        .await;
        assert_eq!(found, json!([true, true, [], [[360, []], [700, []], [1280, []]]]));
        keep_pictures(browser, "dark").await;
    })
    .await;
}

#[tokio::test]
async fn charts_are_filtered_and_read_by_keyboard() {
    in_each(Scheme::Light, async |_, browser| {
        let counts = run(
            browser,
            "const cards = () => document.querySelectorAll('#cards > *').length;
             const all = cards(), select = document.querySelector('#scenario');
             select.value = 'chat';
             select.dispatchEvent(new Event('change'));
             const some = cards();
             select.value = '';
             select.dispatchEvent(new Event('change'));
             const drawn = cards();
             for (let tries = 0; tries < 250 && !document.querySelector('#cards svg.plot'); tries++) await new Promise((done) => setTimeout(done, 20));
             document.querySelector('#cards svg.plot').focus();
             return [some > 0, some < all, drawn === all, document.querySelector('#tip').hidden];",
        );
        assert_eq!(counts.await, json!([true, true, true, true]));
        browser.press(Key::Right).await.unwrap();
        let said = run(browser, "return document.querySelector('#tip').textContent").await;
        assert!(said.as_str().is_some_and(|said| said.contains("trials")), "{said}");
        keep_pictures(browser, "light").await;
    })
    .await;
}

async fn keep_pictures(browser: &mut Browser, scheme: &str) {
    let Some(folder) = std::env::var_os("PUSHBENCH_SCREENSHOTS") else { return };
    for (name, width, height) in [("desk", 1280, 900), ("phone", 500, 900)] {
        browser.resize(width, height).await.unwrap();
        for (part, at) in
            [("top", "#top"), ("chooser", "#choose"), ("charts", "#charts"), ("figures", "#figures")]
        {
            run(
                browser,
                &format!("document.querySelector('{at}').scrollIntoView({{ behavior: 'instant' }})"),
            )
            .await;
            let png = browser.screenshot().await.unwrap();
            let path = Path::new(ROOT)
                .join(&folder)
                .join(format!("report-{}-{scheme}-{name}-{part}.png", browser.kind()));
            std::fs::write(path, png).unwrap();
        }
    }
}
