//! What a target needs: whether it is there, and what installs it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use model::target::Needed;

use super::Foreign;

/// What placeholders stand for, without their braces.
pub(super) type Places = BTreeMap<String, String>;

/// Where the files are that the target asks for by a placeholder.
///
/// # Errors
///
/// The first thing that is missing, and what installs it, for people.
pub(super) fn places(foreign: &Foreign) -> Result<Places, String> {
    let mut places = Places::new();
    for requirement in &foreign.target.requires {
        let missing = |what: &str| format!("{what} is missing; install {}", requirement.install);
        match &requirement.what {
            Needed::Program(program) if on_path(program).is_none() => return Err(missing(program)),
            Needed::Program(_) => {}
            Needed::File { places: candidates, placeholder } => {
                let found =
                    candidates.iter().map(|place| foreign.folder().join(place)).find(|path| path.exists());
                let found = found.ok_or_else(|| missing(&candidates[0]))?;
                if let Some(placeholder) = placeholder {
                    places.insert(placeholder.clone(), found.display().to_string());
                }
            }
        }
    }
    Ok(places)
}

/// Where servers lie that an ordinary user's `PATH` leaves out.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The `PATH` by which a target's programs are found.
pub(super) fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    // A folder whose name holds a colon could not have been in it.
    env::join_paths(folders).unwrap_or(path.clone())
}

/// The program of this name that is found there.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
}
