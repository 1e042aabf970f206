//! What a browser is started with: headless, without traffic of its own, and with the caller's preferences.

use std::time::Duration;

use serde_json::{Value, json};

use crate::detect::{BrowserKind, InstalledBrowser};

/// How long a page may take to load, and a script to return by default.
pub const PAGE_LIMIT: Duration = Duration::from_secs(30);

/// The colours that a page sees as preferred (`prefers-color-scheme`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Dark text on light.
    #[default]
    Light,
    /// Light text on dark.
    Dark,
}

/// Which server certificates a browser accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificates {
    /// Every certificate.
    #[default]
    Any,
    /// Only certificates that a known authority has signed.
    Trusted,
}

/// Preferences of a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preferences {
    /// Its colours.
    pub scheme: Scheme,
    /// Which servers it connects to.
    pub certificates: Certificates,
}

const CHROMIUM: [&str; 14] = [
    "--headless=new",
    "--disable-gpu",
    // A container's shared memory is too small for it.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    // No traffic of its own in what is measured.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-pings",
    // The crash handler would be a process outside the browser's group.
    "--disable-crash-reporter",
    "--disable-breakpad",
];

/// The driver adds this switch, which users do not have: background pages would run as if they were visible.
const EXCLUDED: [&str; 1] = ["disable-background-timer-throttling"];

/// The `alwaysMatch` capabilities of a new session.
pub(crate) fn capabilities(browser: &InstalledBrowser, preferences: Preferences, is_root: bool) -> Value {
    let limit_ms = u64::try_from(PAGE_LIMIT.as_millis()).unwrap_or(u64::MAX);
    let Preferences { scheme, certificates } = preferences;
    let (key, options) = match browser.kind {
        BrowserKind::Chromium => ("goog:chromeOptions", chromium(browser, scheme, is_root)),
        BrowserKind::Firefox => ("moz:firefoxOptions", firefox(browser, scheme)),
    };
    json!({
        "acceptInsecureCerts": certificates == Certificates::Any,
        "timeouts": { "pageLoad": limit_ms, "script": limit_ms },
        key: options,
    })
}

fn chromium(browser: &InstalledBrowser, scheme: Scheme, is_root: bool) -> Value {
    let mut arguments = CHROMIUM.map(str::to_owned).to_vec();
    // `blink::mojom::PreferredColorScheme`.
    let scheme = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    arguments.push(format!("--blink-settings=preferredColorScheme={scheme}"));
    if is_root {
        // The sandbox does not work for root.
        arguments.push("--no-sandbox".to_owned());
    }
    json!({ "binary": browser.program, "args": arguments, "excludeSwitches": EXCLUDED })
}

fn firefox(browser: &InstalledBrowser, scheme: Scheme) -> Value {
    let scheme = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    json!({
        "binary": browser.program,
        "args": ["-headless"],
        "env": { "MOZ_CRASHREPORTER_DISABLE": "1" },
        "prefs": {
            "layout.css.prefers-color-scheme.content-override": scheme,
            // No traffic of its own in what is measured.
            "app.normandy.enabled": false,
            "app.update.enabled": false,
            "browser.safebrowsing.downloads.enabled": false,
            "browser.safebrowsing.malware.enabled": false,
            "browser.safebrowsing.phishing.enabled": false,
            "datareporting.healthreport.uploadEnabled": false,
            "extensions.update.enabled": false,
            "network.captive-portal-service.enabled": false,
            "network.connectivity-service.enabled": false,
            "services.settings.server": "data:,",
            "toolkit.telemetry.enabled": false,
        },
    })
}
