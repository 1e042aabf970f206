//! Which browsers there are here, and what to install for one that is not.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::BrowserError;
use crate::session::{Browser, Preferences, Scheme};

/// A browser that can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Chromium, by chromedriver.
    Chromium,
    /// Firefox, by geckodriver.
    Firefox,
}

impl Kind {
    /// All of them.
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

    /// What the browser's program may be called, the likeliest first.
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A browser that is not here, or not its driver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {program} on the PATH; install {}", kind.packages())]
pub struct Missing {
    /// Which browser was looked for.
    pub kind: Kind,
    /// Which program of it was not found.
    pub program: &'static str,
}

/// A browser that is here, with its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Looks for the browser and its driver on the `PATH`.
///
/// # Errors
///
/// When one of the two is not there.
pub fn find(kind: Kind) -> Result<Found, Missing> {
    find_on(kind, &env::var_os("PATH").unwrap_or_default())
}

impl Found {
    /// Which browser it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Starts it with a fresh profile: no window on a screen, certificates taken as they are, light colours.
    ///
    /// # Errors
    ///
    /// When the driver or the browser does not start within a minute.
    pub async fn start(&self) -> Result<Browser, BrowserError> {
        self.start_in(Scheme::Light).await
    }

    /// The same, with pages told that these colours are preferred (`prefers-color-scheme`).
    ///
    /// # Errors
    ///
    /// Like [`Found::start`].
    pub async fn start_in(&self, scheme: Scheme) -> Result<Browser, BrowserError> {
        self.start_with(Preferences { scheme, ..Preferences::default() }).await
    }

    /// The same, as these preferences have it.
    ///
    /// # Errors
    ///
    /// Like [`Found::start`].
    pub async fn start_with(&self, preferences: Preferences) -> Result<Browser, BrowserError> {
        Browser::start(self, preferences).await
    }
}

fn find_on(kind: Kind, path: &OsStr) -> Result<Found, Missing> {
    let look = |name: &str| {
        env::split_paths(path).map(|folder| folder.join(name)).find(|program| is_executable(program))
    };
    let missing = |program| Missing { kind, program };
    let program = kind.programs().iter().find_map(|name| look(name));
    let program = program.ok_or_else(|| missing(kind.programs()[0]))?;
    let driver = look(kind.driver()).ok_or_else(|| missing(kind.driver()))?;
    Ok(Found { kind, program, driver })
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
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
    fn what_is_missing_is_named_with_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().as_os_str();
        let told = |kind| find_on(kind, path).unwrap_err().to_string();
        let nothing = "there is no chromium on the PATH; install chromium and chromium-driver";
        assert_eq!(told(Kind::Chromium), nothing);
        program(folder.path(), "firefox", 0o755);
        let driver = "there is no geckodriver on the PATH; install firefox-esr, and geckodriver by `cargo install geckodriver`";
        assert_eq!(told(Kind::Firefox), driver);
    }

    #[test]
    fn only_programs_that_can_be_run_are_found() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), "chromedriver", 0o755);
        program(folder.path(), "chromium", 0o644);
        assert!(find_on(Kind::Chromium, folder.path().as_os_str()).is_err());
        program(folder.path(), "google-chrome", 0o755);
        let found = find_on(Kind::Chromium, folder.path().as_os_str()).unwrap();
        assert_eq!(found.program, folder.path().join("google-chrome"));
    }
}
