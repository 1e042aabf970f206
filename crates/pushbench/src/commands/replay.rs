//! The far end of a replayed exchange, as a process of its own: started by `pushbench run`, hidden from the help.

use std::io::{self, BufRead as _, Write as _};
use std::net::TcpListener;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::replay::{self, Part};

/// A printed exchange takes a few kilobytes.
const LONGEST_PART: u64 = 1024 * 1024;

pub(super) fn answer() -> anyhow::Result<ExitCode> {
    let mut line = String::new();
    let mut input = io::BufReader::new(io::Read::take(io::stdin(), LONGEST_PART));
    input.read_line(&mut line).context("read what to answer")?;
    let part: Part = serde_json::from_str(&line).context("understand what to answer")?;
    let listener = TcpListener::bind("127.0.0.1:0").context("listen for the replay")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", listener.local_addr().context("find the own address")?)
        .and_then(|()| out.flush())
        .context("write the address")?;
    std::thread::spawn(move || {
        // Whoever started this process holds its input open; an error ends it as surely as its end does.
        let _ = io::copy(&mut input, &mut io::sink());
        std::process::exit(0);
    });
    replay::answer(&listener, &part).context("answer the replay")?;
    Ok(ExitCode::SUCCESS)
}
