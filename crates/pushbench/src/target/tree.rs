//! All processes below this one, and their end. Those whose parent has gone come to this process, so none gets away.

use std::io;
use std::time::{Duration, Instant};

use os::process_tree;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

/// How long processes may take to go when they are asked to.
const GRACE: Duration = Duration::from_secs(3);
/// How long they may take when they are not asked any more.
const LAST: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);

/// Makes this process the parent of all that lose theirs below it.
///
/// # Errors
///
/// When the kernel refuses.
pub(super) fn adopt_orphans() -> io::Result<()> {
    // Any process id says yes.
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// How the process `root` has ended, if it has; collects every other one that did.
pub(super) fn ended(root: Pid) -> Option<WaitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == root {
            found = Some(status);
        }
    }
    found
}

/// Asks every process below this one to go, and kills whatever is left then.
pub(super) fn end() {
    // Whoever has gone already is no error.
    for pid in below() {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
    if !is_empty_within(GRACE, |_| {}) {
        is_empty_within(LAST, |pid| {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        });
    }
}

fn is_empty_within(limit: Duration, each: impl Fn(Pid)) -> bool {
    let begin = Instant::now();
    loop {
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        let below = below();
        if below.is_empty() {
            return true;
        }
        below.into_iter().for_each(&each);
        if begin.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

fn below() -> Vec<Pid> {
    let tree = process_tree(std::process::id()).unwrap_or_default();
    tree.into_iter().skip(1).filter_map(|pid| Pid::from_raw(pid.cast_signed())).collect()
}
