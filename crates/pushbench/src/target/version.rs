//! What a target says of its version.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Foreign, requirement};

const LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);
const LONGEST: u64 = 4_096;
const TOLD_CHARS: usize = 200;

/// The first line of what its command writes, to standard output or else to standard error; none when it has no such
/// command, or it says nothing in time.
pub(super) fn of(foreign: &Foreign) -> Option<String> {
    let (program, arguments) = foreign.target.version.as_ref()?.split_first()?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(foreign.folder())
        .env("PATH", requirement::search_path())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let deadline = Instant::now() + LIMIT;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    // It has ended, or has to, with whatever it started and left its outputs to.
    let _ = Pid::from_raw(child.id().cast_signed()).map(|group| kill_process_group(group, Signal::KILL));
    let _ = child.wait();
    let outputs = (child.stdout.take()?, child.stderr.take()?);
    first_line(outputs.0).or_else(|| first_line(outputs.1))
}

fn first_line(output: impl std::io::Read) -> Option<String> {
    let mut bytes = Vec::new();
    output.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.chars().take(TOLD_CHARS).collect())
}
