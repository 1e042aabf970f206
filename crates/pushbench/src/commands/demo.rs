//! `pushbench demo`: the page that shows every technique at once.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use server_kit::lifetime;
use tokio::runtime::Builder;

use super::print;
use crate::cli;
use crate::demo::Demo;

pub(super) fn demo(arguments: &cli::Demo) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("start the demo's runtime")?;
    runtime.block_on(run(arguments.listen))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(listen: SocketAddr) -> anyhow::Result<()> {
    let demo = Demo::bind(listen).await?;
    print(&invitation(demo.address()?))?;
    demo.serve(async {
        tokio::select! {
            () = lifetime::end_of_input() => {}
            // Without a handler, Ctrl-C ends the process all the same.
            _ = tokio::signal::ctrl_c() => {}
        }
    })
    .await
}

fn invitation(address: SocketAddr) -> String {
    let reach = if address.ip().is_loopback() {
        "Only this machine can see it; --listen names another address."
    } else {
        "Everybody who can reach this address can see it and move its controls."
    };
    format!("The demo is at http://{address}/\n{reach} It ends with Ctrl-C, or when standard input ends.\n")
}
