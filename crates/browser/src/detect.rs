//! Which browsers are installed, what to install for a missing one, and what one is started with: headless, without traffic
//! of its own, and with the caller's preferences.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fmt};

use serde_json::{Value, json};

/// A browser that can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrowserKind {
    /// Chromium, by chromedriver.
    Chromium,
    /// Firefox, by geckodriver.
    Firefox,
}

impl BrowserKind {
    pub const ALL: [Self; 2] = [Self::Chromium, Self::Firefox];

    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }

    /// What to install for it: Debian's packages, and a crate where there is no package.
    pub fn packages(self) -> &'static str {
        match self {
            Self::Chromium => "chromium and chromium-driver",
            Self::Firefox => "firefox-esr, and geckodriver by `cargo install geckodriver`",
        }
    }

    /// Names of the browser's program, the most likely first.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium", "chromium-browser", "google-chrome"],
            Self::Firefox => &["firefox-esr", "firefox"],
        }
    }

    fn driver(self) -> &'static str {
        match self {
            Self::Chromium => "chromedriver",
            Self::Firefox => "geckodriver",
        }
    }
}

impl fmt::Display for BrowserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A browser or its driver that is not installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {program} on the PATH; install {}", kind.packages())]
pub struct MissingBrowser {
    pub kind: BrowserKind,
    /// The program that was not found.
    pub program: &'static str,
}

/// An installed browser, with its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledBrowser {
    pub(crate) kind: BrowserKind,
    pub(crate) program: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Looks for the browser and its driver on the `PATH`.
/// Fails if one of them is missing.
pub fn detect(kind: BrowserKind) -> Result<InstalledBrowser, MissingBrowser> {
    detect_on(kind, &env::var_os("PATH").unwrap_or_default())
}

impl InstalledBrowser {
    pub fn kind(&self) -> BrowserKind {
        self.kind
    }
}

fn detect_on(kind: BrowserKind, path: &OsStr) -> Result<InstalledBrowser, MissingBrowser> {
    let look = |name: &str| {
        env::split_paths(path).map(|folder| folder.join(name)).find(|program| is_executable(program))
    };
    let missing = |program| MissingBrowser { kind, program };
    let program = kind.programs().iter().find_map(|name| look(name));
    let program = program.ok_or_else(|| missing(kind.programs()[0]))?;
    let driver = look(kind.driver()).ok_or_else(|| missing(kind.driver()))?;
    Ok(InstalledBrowser { kind, program, driver })
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// How long a page may take to load, and a script to return by default.
pub const PAGE_LIMIT: Duration = Duration::from_secs(30);

/// The colours that a page sees as preferred (`prefers-color-scheme`), by the numbers of both browsers' settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Dark text on light.
    #[default]
    Light = 1,
    /// Light text on dark.
    Dark = 0,
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
    arguments.push(format!("--blink-settings=preferredColorScheme={}", scheme as u8));
    if is_root {
        // The sandbox does not work for root.
        arguments.push("--no-sandbox".to_owned());
    }
    json!({ "binary": browser.program, "args": arguments, "excludeSwitches": EXCLUDED })
}

fn firefox(browser: &InstalledBrowser, scheme: Scheme) -> Value {
    json!({
        "binary": browser.program,
        "args": ["-headless"],
        "env": { "MOZ_CRASHREPORTER_DISABLE": "1" },
        "prefs": {
            "layout.css.prefers-color-scheme.content-override": scheme as u8,
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn program(folder: &Path, name: &str, mode: u32) {
        let path = folder.join(name);
        fs::write(&path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_missing_program_is_named_with_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().as_os_str();
        let message = |kind| detect_on(kind, path).unwrap_err().to_string();
        let nothing = "there is no chromium on the PATH; install chromium and chromium-driver";
        assert_eq!(message(BrowserKind::Chromium), nothing);
        program(folder.path(), "firefox", 0o755);
        let driver = "there is no geckodriver on the PATH; install firefox-esr, and geckodriver by `cargo install geckodriver`";
        assert_eq!(message(BrowserKind::Firefox), driver);
    }

    #[test]
    fn only_executable_programs_are_detected() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), "chromedriver", 0o755);
        program(folder.path(), "chromium", 0o644);
        assert!(detect_on(BrowserKind::Chromium, folder.path().as_os_str()).is_err());
        program(folder.path(), "google-chrome", 0o755);
        let found = detect_on(BrowserKind::Chromium, folder.path().as_os_str()).unwrap();
        assert_eq!(found.program, folder.path().join("google-chrome"));
    }
}
