//! The tools that count: how a server is started under them, and what their files contain.
//!
//! - callgrind, a tool of valgrind, runs the instructions one by one on a simulated processor. It counts them exactly and runs
//!   about fifty times slower. It counts no instructions of the kernel.
//! - strace stops the server at each system call, which takes some microseconds and changes none of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use model::settings::Counter;

use crate::supervisor::process::{OnDrop, Process, ProcessError};
use crate::targets;

/// How long a server may take until it listens. Measured under callgrind: 4 s on a busy machine.
pub(crate) const READY: Duration = Duration::from_secs(60);

/// What a tool counted of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ToolCounts {
    pub(super) total: u64,
    pub(super) by_name: BTreeMap<String, u64>,
}

/// Starts the server under the tool, which writes its counts to this file.
pub(crate) fn start(
    counter: Counter,
    server: &Path,
    arguments: Vec<String>,
    counts: &Path,
) -> Result<Process, ProcessError> {
    // A tool that is not found is named by the failure to start it.
    let tool = targets::on_path(program(counter)).unwrap_or_else(|| PathBuf::from(program(counter)));
    let counts = counts.display().to_string();
    let (log, out) = (format!("--log-file={counts}.log"), format!("--callgrind-out-file={counts}"));
    let own = match counter {
        // Its own messages go to a file beside the counts, since they are not the server's.
        Counter::Instructions => vec!["--tool=callgrind", "--quiet", "--vgdb=no", &log, &out],
        // Of all threads, a sum for each name at the end, in columns without gaps.
        Counter::SystemCalls => vec!["-f", "-qq", "-c", "-U", "calls,name", "-o", &counts, "--"],
    };
    let own = own.into_iter().map(str::to_owned).chain([server.display().to_string()]);
    Process::start_with("server", &tool, own.chain(arguments), OnDrop::KillGroup)
}

/// Reads the file of a tool; none when it is not complete.
pub(super) fn read(counter: Counter, text: &str) -> Option<ToolCounts> {
    match counter {
        Counter::Instructions => read_callgrind(text),
        Counter::SystemCalls => read_strace(text),
    }
}

/// The program, and the Debian package that it is in: they have the same names.
pub(super) fn program(counter: Counter) -> &'static str {
    match counter {
        Counter::Instructions => "valgrind",
        Counter::SystemCalls => "strace",
    }
}

/// Whether the program is in the `PATH` by which it is started.
pub(super) fn is_installed(counter: Counter) -> bool {
    targets::on_path(program(counter)).is_some()
}

/// The first line that the tool prints about itself: `valgrind-3.19.0`, `strace -- version 6.1`.
pub(super) fn version(counter: Counter) -> String {
    let printed = Command::new(program(counter)).arg("--version").stdin(Stdio::null()).output();
    let text = printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or(program(counter)).to_owned()
}

/// The instructions of all functions ("Callgrind Format Specification", `totals`).
fn read_callgrind(text: &str) -> Option<ToolCounts> {
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let total = of("totals:").filter(|_| of("events:") == Some("Ir"))?.parse().ok()?;
    Some(ToolCounts { total, ..ToolCounts::default() })
}

/// A table with a count and a name a line, and the sum of all as `total`.
fn read_strace(text: &str) -> Option<ToolCounts> {
    let mut by_name: BTreeMap<String, u64> = text
        .lines()
        .filter_map(|line| {
            let (count, name) = line.trim().split_once(char::is_whitespace)?;
            Some((name.trim().to_owned(), count.parse().ok()?))
        })
        .collect();
    let total = by_name.remove("total")?;
    (by_name.values().sum::<u64>() == total).then_some(ToolCounts { total, by_name })
}

impl ToolCounts {
    /// What was added since an earlier count; none where the total is less. A name that is rarer the second time is left out.
    pub(super) fn since(&self, earlier: &Self) -> Option<Self> {
        let before = |name: &String| earlier.by_name.get(name).copied().unwrap_or(0);
        let by_name =
            self.by_name.iter().map(|(name, count)| (name.clone(), count.saturating_sub(before(name))));
        Some(Self {
            total: self.total.checked_sub(earlier.total)?,
            by_name: by_name.filter(|(_, count)| *count > 0).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool_counts(total: u64, by_name: &[(&str, u64)]) -> ToolCounts {
        ToolCounts { total, by_name: by_name.iter().map(|&(name, count)| (name.to_owned(), count)).collect() }
    }

    #[test]
    fn what_both_runs_did_cancels_out() {
        let half = tool_counts(130, &[("mmap", 60), ("write", 50), ("futex", 20)]);
        let whole = tool_counts(190, &[("mmap", 60), ("write", 110), ("futex", 19), ("brk", 1)]);
        assert_eq!(whole.since(&half), Some(tool_counts(60, &[("brk", 1), ("write", 60)])));
        assert_eq!(half.since(&whole), None);
    }

    const FILE: &str = "# callgrind format\nversion: 1\npid: 7\ncmd:  pushbench serve\npart: 1\n\n\
        positions: line\nevents: Ir\nsummary: 288000123\n\nfn=(1) main\n0 288000123\n\ntotals: 288000123\n";

    #[test]
    fn instructions_are_those_of_all_functions() {
        assert_eq!(read_callgrind(FILE).map(|counts| counts.total), Some(288_000_123));
    }

    #[test]
    fn files_without_a_sum_or_of_other_events_are_not_read() {
        assert_eq!(read_callgrind(&FILE.replace("totals", "totale")), None);
        assert_eq!(read_callgrind(&FILE.replace("Ir", "Ir Dr Dw")), None);
        assert_eq!(read_callgrind(""), None);
    }

    const TABLE: &str = "    calls syscall\n--------- ----------------\n       13 epoll_wait\n        2 read\n\
        --------- ----------------\n       15 total\n";

    #[test]
    fn calls_are_read_by_name() {
        let counts = read_strace(TABLE).expect("it is whole");
        assert_eq!((counts.total, counts.by_name["epoll_wait"], counts.by_name["read"]), (15, 13, 2));
        assert_eq!(counts.by_name.len(), 2);
    }

    #[test]
    fn tables_that_are_cut_off_are_not_read() {
        assert_eq!(read_strace(&TABLE.replace("       15 total\n", "")), None);
        assert_eq!(read_strace(&TABLE.replace("        2 read\n", "")), None);
        assert_eq!(read_strace(""), None);
    }
}
