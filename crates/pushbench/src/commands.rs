//! What each sub-command does.

mod answer;
mod compare;
mod output;
mod processes;
mod run;
mod serve;
mod target;
mod verify;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use model::scenario::{Extent, Runs, Scenario};
use model::settings::Client;
use model::trial::TrialRecord;
use server_kit::lifetime;

use crate::browsers::{client, probe};
use crate::cli::{BrowserProbe, Cli, Command, List};
use crate::demo::Demo;
use crate::store::keep_browser_probe;
use crate::targets::{launch, supervisor};
use crate::{project, registry};
use output::{note, print};

/// Runs a sub-command, and returns the exit code of the program.
pub(crate) fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::List(arguments) => list(&arguments),
        Command::Run(arguments) => return run::run(&arguments),
        Command::Demo(arguments) => demo(arguments.listen),
        Command::Serve(arguments) => return serve::serve(&arguments),
        Command::Load => processes::load(),
        Command::LoadWorker => processes::load_worker(),
        Command::Report(arguments) => output::report(&arguments),
        Command::Compare(arguments) => return compare::compare(&arguments),
        Command::Advise(arguments) => answer::advise(&arguments),
        Command::Cite(arguments) => answer::cite(&arguments),
        Command::BrowserProbe(arguments) => return probe_browsers(&arguments),
        Command::Target(command) => return target::target(&command),
        Command::Verify => return verify::verify(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pushbench", &mut std::io::stdout());
            Ok(())
        }
        Command::SocketPingEcho(arguments) => processes::socket_ping_echo(&arguments),
        Command::CpuContention(cores) => processes::cpu_contention(&cores),
        Command::SocketPing(arguments) => processes::socket_ping(&arguments),
        Command::ReplayAnswer => processes::replay_answer(),
        Command::SuperviseTarget(it) => supervisor::supervise(&it),
        Command::ExecTarget(it) => return launch::become_program(&it.folder, &it.command),
        Command::ObservedTrial(arguments) => processes::observed_trial(&arguments),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// `pushbench list`: the techniques, and the scenarios with their questions.
fn list(arguments: &List) -> anyhow::Result<()> {
    let text = if arguments.techniques {
        registry::slugs().join("\n") + "\n"
    } else if arguments.schema {
        serde_json::to_string_pretty(&schemars::schema_for!(TrialRecord))? + "\n"
    } else if arguments.scenarios {
        project::all_scenarios(Extent::Full)?.iter().map(|scenario| format!("{}\n", scenario.name)).collect()
    } else {
        list_all(&project::all_scenarios(Extent::Full)?)
    };
    print(&text)
}

fn list_all(scenarios: &[Scenario]) -> String {
    let mut text = "Techniques\n".to_owned();
    for technique in registry::TECHNIQUES {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {:<22}  {}", technique.slug, technique.about);
    }
    text.push_str("\nScenarios\n");
    for scenario in scenarios {
        let only = match scenario.runs {
            Runs::ByDefault => "",
            Runs::Capacity => " (with --capacity)",
            Runs::WhenNamed => " (only when named)",
        };
        let _ = writeln!(text, "  {:<22}  {}{only}", scenario.name, scenario.question);
    }
    text
}

/// `pushbench demo`: the page that shows every technique at once.
fn demo(listen: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("start the demo's runtime")?.block_on(async {
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
    })
}

fn invitation(address: SocketAddr) -> String {
    let reach = if address.ip().is_loopback() {
        "Only this machine can see it; --listen names another address."
    } else {
        "Everybody who can reach this address can see it and move its controls."
    };
    format!("The demo is at http://{address}/\n{reach} It ends with Ctrl-C, or when standard input ends.\n")
}

/// `pushbench browser-probe`: what browsers do, into a folder.
fn probe_browsers(arguments: &BrowserProbe) -> anyhow::Result<ExitCode> {
    let clients = clients_to_probe(arguments);
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("make the folder {}", arguments.out.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.context("start the browser probe's runtime")?.block_on(probe::probe(&clients));
    keep_browser_probe(&arguments.out, &result)?;
    for (client, why) in &result.failed {
        note(&format!("failed: browser probe of {}: {why}", client::name(*client)));
    }
    Ok(if result.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The named clients, or all that are installed.
fn clients_to_probe(arguments: &BrowserProbe) -> Vec<Client> {
    if !arguments.clients.is_empty() {
        return arguments.clients.iter().map(|&client| client.into()).collect();
    }
    let (installed, missing) = probe::installed();
    for why in missing {
        note(&format!("skipped: {why}"));
    }
    installed
}
