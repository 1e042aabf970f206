//! Commands to both browsers.

mod presence;

use std::fs;
use std::time::Duration;

use browser::{Browser, BrowserError, BrowserKind, Key, Scheme};
use serde_json::json;

/// The page of these tests; a `data:` URL needs no server.
const PAGE: &str = "data:text/html,<title>here</title><input id=field autofocus>";

#[tokio::test]
async fn a_page_is_opened_and_its_scripts_are_awaited() {
    for found in presence::all() {
        let mut browser = found.start().await.unwrap();
        browser.open(PAGE).await.unwrap();
        let script =
            "await new Promise((done) => setTimeout(done, 1)); return [document.title, arguments[0] + 1]";
        assert_eq!(browser.call(script, vec![json!(41)]).await.unwrap(), json!(["here", 42]));
        assert_eq!(browser.call("", Vec::new()).await.unwrap(), json!(null));
        assert!(browser.version().contains('.'), "{}", browser.version());
        browser.quit().await.unwrap();
    }
}

#[tokio::test]
async fn a_script_that_throws_is_quoted() {
    for found in presence::all() {
        let mut browser = found.start().await.unwrap();
        let error = browser.call("throw new Error('no such page')", Vec::new()).await.unwrap_err();
        assert!(matches!(error, BrowserError::Page { .. }), "{error:?}");
        assert!(error.to_string().contains("Error: no such page"), "{error}");
    }
}

#[tokio::test]
async fn a_script_that_never_returns_times_out_and_the_browser_continues() {
    for found in presence::all() {
        let mut browser = found.start().await.unwrap();
        let limit = Duration::from_millis(300);
        let error = browser.call_within(limit, "await new Promise(() => {})", Vec::new()).await.unwrap_err();
        assert!(matches!(error, BrowserError::Timeout { .. }), "{error:?}");
        assert_eq!(browser.call("return 2", Vec::new()).await.unwrap(), json!(2));
    }
}

#[tokio::test]
async fn keys_reach_the_field_that_has_the_focus() {
    for found in presence::all() {
        let mut browser = found.start().await.unwrap();
        browser.open(PAGE).await.unwrap();
        browser.call("document.getElementById('field').focus()", Vec::new()).await.unwrap();
        browser.type_text("pushh").await.unwrap();
        browser.press(Key::Backspace).await.unwrap();
        let typed = browser.call("return document.getElementById('field').value", Vec::new()).await.unwrap();
        assert_eq!(typed, json!("push"));
    }
}

#[tokio::test]
async fn the_window_is_resized_and_photographed() {
    for found in presence::all() {
        let mut browser = found.start().await.unwrap();
        browser.open(PAGE).await.unwrap();
        browser.resize(640, 700).await.unwrap();
        assert_eq!(browser.call("return outerWidth", Vec::new()).await.unwrap(), json!(640));
        let png = browser.screenshot().await.unwrap();
        assert_eq!(png[1..4], *b"PNG");
    }
}

#[tokio::test]
async fn a_tab_can_be_left_in_the_background() {
    for found in presence::all() {
        let mut browser = found.start().await.unwrap();
        browser.open(PAGE).await.unwrap();
        let first = browser.tab().await.unwrap();
        let second = browser.new_tab().await.unwrap();
        browser.focus(&second).await.unwrap();
        assert_eq!(browser.call("return document.title", Vec::new()).await.unwrap(), json!(""));
        browser.focus(&first).await.unwrap();
        assert_eq!(browser.call("return document.title", Vec::new()).await.unwrap(), json!("here"));
    }
}

#[tokio::test]
async fn pages_see_the_preferred_colours() {
    const DARK: &str = "return matchMedia('(prefers-color-scheme: dark)').matches";
    for found in presence::all() {
        for (scheme, dark) in [(Scheme::Light, false), (Scheme::Dark, true)] {
            let mut browser = found.start_in(scheme).await.unwrap();
            browser.open(PAGE).await.unwrap();
            let is_dark = browser.call(DARK, Vec::new()).await.unwrap();
            assert_eq!(is_dark, json!(dark), "{} {scheme:?}", browser.version());
        }
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_browser_that_quits_or_is_dropped() {
    for found in presence::all() {
        let one = found.start().await.unwrap();
        let (group, folder) = (one.process_group(), folder_of(&one));
        assert!(fs::exists(&folder).unwrap());
        one.quit().await.unwrap();
        presence::assert_gone(group, &folder);

        let other = found.start().await.unwrap();
        let (group, folder) = (other.process_group(), folder_of(&other));
        drop(other);
        presence::assert_gone(group, &folder);
    }
}

#[test]
fn nothing_is_left_of_a_browser_whose_user_is_killed() {
    let kinds = presence::all();
    for kind in kinds.iter().map(browser::InstalledBrowser::kind) {
        presence::kill_a_user_of(kind);
    }
}

/// No test of its own: [`nothing_is_left_of_a_browser_whose_user_is_killed`] starts and kills it.
#[tokio::test]
async fn a_user_that_waits_to_be_killed() {
    let Ok(kind) = std::env::var(presence::USER) else { return };
    let kind = BrowserKind::ALL.into_iter().find(|it| it.name() == kind).unwrap();
    let browser = browser::detect(kind).unwrap().start().await.unwrap();
    presence::print(browser.process_group(), &folder_of(&browser));
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// The folder of everything that this browser writes: its home.
fn folder_of(browser: &Browser) -> String {
    let environment = fs::read_to_string(format!("/proc/{}/environ", browser.process_group())).unwrap();
    environment.split('\0').find_map(|line| line.strip_prefix("HOME=")).unwrap().to_owned()
}
