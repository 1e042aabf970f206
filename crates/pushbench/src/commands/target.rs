//! `pushbench target`: a new target file, and a check of one.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use model::target::{Server, Target};

use super::output::print;
use crate::cli::TargetCommand;
use crate::target_check::Check;
use crate::targets::{TargetServer, techniques};

const NEW: &str = include_str!("../../assets/target.toml");

pub(super) fn target(command: &TargetCommand) -> anyhow::Result<ExitCode> {
    match command {
        TargetCommand::New { file } => new(file).map(|()| ExitCode::SUCCESS),
        TargetCommand::Check { target, techniques } => check(target, techniques),
    }
}

/// Writes a commented file, and never over another one.
fn new(file: &Path) -> anyhow::Result<()> {
    let shown = file.display().to_string();
    let text = NEW.replace("{file}", &shown);
    // A name that no target can have is refused before anything is written.
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Target::parse(&text, &shown, &name, &techniques())?;
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let mut opened = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} is there already; name another file")
        }
        opened => opened.with_context(|| format!("write {shown}"))?,
    };
    opened.write_all(text.as_bytes()).with_context(|| format!("write {shown}"))?;
    print(&format!("{shown}: say how your server is started, then: pushbench target check {shown}\n"))
}

fn check(name: &str, only: &[String]) -> anyhow::Result<ExitCode> {
    let server = TargetServer::named(name)?;
    let all: Vec<_> = server.target.techniques.keys().map(String::as_str).collect();
    if let Some(lacking) = only.iter().find(|slug| !all.contains(&slug.as_str())) {
        bail!("{} has no technique {lacking}; it has: {}", server.target.name, all.join(", "));
    }
    let chosen = all.into_iter().filter(|slug| only.is_empty() || only.iter().any(|other| other == slug));
    let check = Check::new(&server)?;
    print(&title(&server))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the check's runtime")?;
    let (mut working, mut checked) = (0, 0);
    for slug in chosen {
        match runtime.block_on(check.technique(slug)) {
            Ok(found) => {
                print(&format!("\n{}", found.text))?;
                working += usize::from(found.works);
                checked += 1;
            }
            Err(error) => {
                // The others would fail alike.
                print(&format!("\n{slug}\n  FAILS: {error:#}\n"))?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    print(&format!("\n{working} of {checked} techniques work\n"))?;
    Ok(if working == checked { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn title(server: &TargetServer) -> String {
    let Target { name, label, server: how, .. } = &server.target;
    let version = server.info().version.map(|version| format!(" ({version})")).unwrap_or_default();
    let how = match how {
        Server::Started(start) => format!("started by: {}", start.command.join(" ")),
        Server::Running(running) => format!("running at {}", running.address),
    };
    format!("{name}: {label}{version}, {how}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Target, String> {
        Target::parse(text, "new.toml", "new", &techniques()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_new_file_is_read_as_it_is_and_with_all_that_it_has_in_comments() {
        read(NEW).unwrap_or_else(|error| panic!("{error}"));
        // A comment begins with a space; what could be written does not.
        let whole: String = NEW
            .lines()
            .map(|line| {
                line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n"
            })
            .collect();
        let target = read(&whole).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(target.techniques.len(), 3);
        assert_eq!(target.requires.len(), 1);
    }
}
