//! What tests share.
//!
//! - [`server`]: a server under test, and clients that know nothing but bytes
//! - [`exchange`]: tests as tables of literal bytes
//! - [`http`], [`http2`], [`websocket`]: literal requests, replies and frames
//!
//! The functions here skip tests that need what this machine does not have: a browser, Node, nginx, network namespaces. A
//! skipped test is named on standard error. `PUSHBENCH_REQUIRE` lists, separated by commas, what must not be missing; a
//! test that needs it fails then. `PUSHBENCH_SKIPPED` names a file to which each skip appends a line, so that a script can
//! count skipped tests, which the test harness counts as passed.

pub mod exchange;
pub mod http;
pub mod http2;
pub mod server;
pub mod websocket;

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::{env, thread};

/// Returns what was found. Where nothing was, skips the current test, or fails it if `PUSHBENCH_REQUIRE` lists `name`.
///
/// # Panics
///
/// If a required thing is missing, or the file that `PUSHBENCH_SKIPPED` names cannot be written.
pub fn require<T>(name: &str, found: Result<T, impl Display>) -> Option<T> {
    let missing = match found {
        Ok(found) => return Some(found),
        Err(missing) => missing,
    };
    let required = env::var("PUSHBENCH_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|it| it == name), "PUSHBENCH_REQUIRE lists {name}, but {missing}");
    let test = current_test();
    // Written directly, because the test harness captures what macros print.
    let _ = writeln!(io::stderr(), "skipped: {test}: {missing}");
    if let Some(path) = env::var_os("PUSHBENCH_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(format!("{test}\n").as_bytes()))
            .expect("PUSHBENCH_SKIPPED names a file that can be written");
    }
    None
}

/// Whether a program can be started; otherwise a sentence with the package that brings it.
/// Fails if `name --version` does not succeed.
pub fn program(name: &str) -> Result<(), String> {
    let version = Command::new(name).arg("--version").stdin(Stdio::null()).output();
    let is_installed = version.is_ok_and(|output| output.status.success());
    is_installed.then_some(()).ok_or_else(|| format!("{name} is missing; install {name}"))
}

/// Whether the current test runs in a process of its own, as one that looks at the whole process must. If it does not,
/// it is run in one, and must pass there.
pub fn is_alone() -> bool {
    const ALONE: &str = "PUSHBENCH_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let name = thread::current().name().unwrap_or("unnamed").to_owned();
    let program = env::current_exe().expect("this program");
    let ended = Command::new(program).args(["--exact", &name, "--nocapture"]).env(ALONE, "1").output();
    let ended = ended.expect("this program starts again");
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(printed.contains("1 passed"), "{printed}{}", String::from_utf8_lossy(&ended.stderr));
    false
}

/// The test's crate, as cargo names it to the tests that it runs, its binary, and its name, which the harness gives to the thread. Several
/// crates have binaries of the same name.
fn current_test() -> String {
    let program = env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    let program = program.unwrap_or_default();
    // Cargo appends a hash.
    let binary = program.rsplit_once('-').map_or(program.as_str(), |(binary, _)| binary);
    let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
    format!("{package}::{binary}::{}", thread::current().name().unwrap_or("unnamed"))
}

#[cfg(test)]
mod tests {
    use super::{current_test, program, require};

    #[test]
    fn what_is_found_is_returned() {
        assert_eq!(require("anything", Ok::<_, String>(5)), Some(5));
    }

    #[test]
    fn a_skipped_test_is_named_by_its_crate_its_binary_and_its_own_name() {
        assert_eq!(
            current_test(),
            "test-support::test_support::tests::a_skipped_test_is_named_by_its_crate_its_binary_and_its_own_name"
        );
    }

    #[test]
    fn a_missing_program_is_named_with_what_installs_it() {
        let missing = program("no-such-program").unwrap_err();
        assert_eq!(missing, "no-such-program is missing; install no-such-program");
    }
}
