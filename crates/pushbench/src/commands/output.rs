//! What the commands write: results to standard output, progress and advice to standard error.

use std::io::{self, Write as _};

use anyhow::Context as _;

/// Prints a result. A reader that closes the pipe early (`| head`) is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes a line of progress or advice.
pub(super) fn note(line: &str) {
    // A reader that has gone away is no reason to fail.
    let _ = writeln!(io::stderr(), "{line}");
}
