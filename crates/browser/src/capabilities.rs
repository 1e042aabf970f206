//! How each browser is asked for: without a head, without traffic of its own, everything in the given folder.

use fantoccini::wd::Capabilities;
use serde_json::{Value, json};

use crate::found::{Found, Kind};
use crate::session::{Certificates, PAGE_LIMIT, Preferences, Scheme};

const CHROMIUM: [&str; 14] = [
    "--headless=new",
    "--disable-gpu",
    // A container's shared memory is too small for it.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    // None of its own traffic in what is measured.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-pings",
    // Its handler would be a process outside of the browser's group.
    "--disable-crash-reporter",
    "--disable-breakpad",
];

/// Added by the driver, and not what users have: it lets pages in the background go on as if they were seen.
const EXCLUDED: [&str; 1] = ["disable-background-timer-throttling"];

/// What the driver is told to start.
pub(crate) fn of(found: &Found, preferences: Preferences, is_root: bool) -> Capabilities {
    let limit_ms = u64::try_from(PAGE_LIMIT.as_millis()).unwrap_or(u64::MAX);
    let Preferences { scheme, certificates } = preferences;
    let (key, options) = match found.kind {
        Kind::Chromium => ("goog:chromeOptions", chromium(found, scheme, is_root)),
        Kind::Firefox => ("moz:firefoxOptions", firefox(found, scheme)),
    };
    let mut capabilities = Capabilities::new();
    capabilities.insert("acceptInsecureCerts".to_owned(), json!(certificates == Certificates::Any));
    capabilities.insert("timeouts".to_owned(), json!({ "pageLoad": limit_ms, "script": limit_ms }));
    capabilities.insert(key.to_owned(), options);
    capabilities
}

fn chromium(found: &Found, scheme: Scheme, is_root: bool) -> Value {
    let mut arguments = CHROMIUM.map(str::to_owned).to_vec();
    // `blink::mojom::PreferredColorScheme`.
    let scheme = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    arguments.push(format!("--blink-settings=preferredColorScheme={scheme}"));
    if is_root {
        // Its sandbox refuses to work for root.
        arguments.push("--no-sandbox".to_owned());
    }
    json!({ "binary": found.program, "args": arguments, "excludeSwitches": EXCLUDED })
}

fn firefox(found: &Found, scheme: Scheme) -> Value {
    let scheme = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    json!({
        "binary": found.program,
        "args": ["-headless"],
        "env": { "MOZ_CRASHREPORTER_DISABLE": "1" },
        "prefs": {
            "layout.css.prefers-color-scheme.content-override": scheme,
            // None of its own traffic in what is measured.
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
