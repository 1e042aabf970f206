//! Which browsers are installed, and what to install for a missing one.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A browser that can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrowserKind {
    /// Chromium, by chromedriver.
    Chromium,
    /// Firefox, by geckodriver.
    Firefox,
}

impl BrowserKind {
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
    /// The browser.
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
///
/// # Errors
///
/// If one of them is missing.
pub fn detect(kind: BrowserKind) -> Result<InstalledBrowser, MissingBrowser> {
    detect_on(kind, &env::var_os("PATH").unwrap_or_default())
}

impl InstalledBrowser {
    /// Which browser it is.
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
