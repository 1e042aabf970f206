//! The two ends of the socket's ping, as processes of their own: started by `pushbench run`, hidden from the help.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::process::ExitCode;

use anyhow::Context as _;
use loadgen::recorder::histogram;

use super::print;
use crate::cli::{Cores, SocketPing};
use crate::socket_ping;

pub(super) fn echo(arguments: &Cores) -> anyhow::Result<ExitCode> {
    os::pin(&arguments.cores).context("keep to the server's cores")?;
    std::thread::spawn(|| {
        // Whoever started this process holds its input open; an error ends it as surely as its end does.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
    let listener = TcpListener::bind("127.0.0.1:0").context("listen for the socket's ping")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", listener.local_addr().context("find the own address")?)
        .and_then(|()| out.flush())
        .context("write the address")?;
    socket_ping::echo(&listener).context("echo the socket's ping")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn ping(arguments: &SocketPing) -> anyhow::Result<ExitCode> {
    os::pin(&arguments.cores.cores).context("keep to the load generator's cores")?;
    let round_trips = socket_ping::ping(arguments.to, arguments.pings).context("ping the socket's echo")?;
    print(&(histogram::to_base64(&round_trips) + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
