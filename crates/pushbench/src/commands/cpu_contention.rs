//! A process that takes its part of a core and does nothing with it: started by `pushbench run`, hidden from the help.

use std::hint;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::Cores;

pub(super) fn compute(arguments: &Cores) -> anyhow::Result<ExitCode> {
    os::pin(&arguments.cores).context("keep to the server's cores")?;
    writeln!(io::stdout(), "computing").context("say that it computes")?;
    std::thread::spawn(|| {
        // Whoever started this process holds its input open; an error ends it as surely as its end does.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
    // No memory is touched, so what the server loses is time, and not its caches.
    loop {
        hint::spin_loop();
    }
}
