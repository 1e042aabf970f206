//! Whether something of a browser is left: a process whose environment or command line names the folder, or a file in it.

use std::fs;

use crate::sandbox::{Sandbox, until};

/// Returns once nothing is left of the browsers that were started from `sandbox`.
pub(crate) fn nothing_of(sandbox: &Sandbox) {
    let tmp = sandbox.path("tmp");
    let mark = tmp.display().to_string();
    until("every browser has ended", || processes_that_know(&mark).is_empty());
    until("every profile is removed", || fs::read_dir(&tmp).expect("a folder").next().is_none());
}

/// Whether a browser has been started from `sandbox`: a process has a profile of its own.
pub(crate) fn has_browser(sandbox: &Sandbox) -> bool {
    let profile = format!("HOME={}", sandbox.path("tmp/pushbench-browser-").display());
    processes_that_know(&profile).len() > 1
}

fn processes_that_know(mark: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("the kernel's list of processes").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let knows = |pid: &u32| {
        let of = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        [of("environ"), of("cmdline")].iter().any(|text| String::from_utf8_lossy(text).contains(mark))
    };
    pids.filter(knows).filter(|pid| !os::has_ended(*pid)).collect()
}
