//! Which browsers are installed, and whether one has ended.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use browser::{BrowserKind, InstalledBrowser};
use test_support::require;

/// Makes a process of these tests start this browser and wait.
pub(crate) const USER: &str = "PUSHBENCH_BROWSER_USER";
/// Marks the line in which that process prints group and folder.
const MARK: &str = "browser:";

/// The installed browsers. For the others, the test is skipped or fails.
pub(crate) fn all() -> Vec<InstalledBrowser> {
    BrowserKind::ALL.into_iter().filter_map(|kind| require(kind.name(), browser::detect(kind))).collect()
}

/// Waits until no process of the group is left, no process that names the folder, and no folder.
pub(crate) fn assert_gone(group: u32, folder: &str) {
    let start = Instant::now();
    loop {
        let left = processes(group, folder);
        let there = fs::exists(folder).unwrap();
        if left.is_empty() && !there {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "left: {left:?}, {folder}: {there}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts this test program again as a user of a browser, and kills it.
pub(crate) fn kill_a_user_of(kind: BrowserKind) {
    let mut user = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_user_that_waits_to_be_killed", "--nocapture"])
        .env(USER, kind.name())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(user.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find_map(|line| line.split_once(MARK).map(|(_, it)| it.to_owned()));
    user.kill().unwrap();
    user.wait().unwrap();
    let line = line.expect("the browser did not start");
    let (group, folder) = line.split_once(' ').unwrap();
    assert_gone(group.parse().unwrap(), folder);
}

/// Prints where the browser is, for the process that waits for it.
pub(crate) fn print(group: u32, folder: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{MARK}{group} {folder}").unwrap();
    out.flush().unwrap();
}

fn processes(group: u32, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let read = |name| fs::read(entry.path().join(name)).unwrap_or_default();
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        // A name may hold spaces and brackets; state, parent and group follow.
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<_> = fields.split(' ').collect();
        let of_group = fields.get(2) == Some(&group.to_string().as_str());
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        if of_group && fields[0] != "Z" || command.contains(folder) {
            found.push(format!(
                "{} {}",
                entry.file_name().display(),
                command.chars().take(100).collect::<String>()
            ));
        }
    }
    found
}
