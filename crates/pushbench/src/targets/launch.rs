//! What is started for a target: the placeholders' values, its configuration, its command.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, bail, ensure};
use model::target::{PORTS, Publish, PublishCommand, ReadyWhen, Start};
use rustix::process::{Pid, Signal};

use super::{Placeholders, TargetServer, search_path};

/// The hidden sub-command that becomes a program of the target.
const EXEC: &str = "exec-target";

/// What is started, and where it will listen.
#[derive(Debug)]
pub(super) struct Launch {
    command: Vec<String>,
    folder: PathBuf,
    env: BTreeMap<String, String>,
    pub(super) address: SocketAddr,
    pub(super) placeholders: Placeholders,
}

impl Launch {
    /// Replaces the placeholders, `more` among them, and writes the configuration to `dir`.
    pub(super) fn prepare(
        server: &TargetServer,
        start: &Start,
        more: Placeholders,
        technique: &str,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let ports = free_ports().context("find free ports")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[0]));
        // A server that drops its privileges must still be able to read it.
        fs::create_dir_all(dir)
            .and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("make the folder {}", dir.display()))?;
        let mut placeholders = known(server, technique)?;
        placeholders.extend(more);
        placeholders.insert("dir".to_owned(), dir.display().to_string());
        placeholders
            .extend(PORTS.iter().zip(ports).map(|(name, port)| ((*name).to_owned(), port.to_string())));
        let filled = |text: &String| with_values(text, &placeholders);
        for (name, template) in &start.config {
            let template = server.folder().join(filled(template));
            let text =
                fs::read_to_string(&template).with_context(|| format!("read {}", template.display()))?;
            fs::write(dir.join(name), filled(&text)).with_context(|| format!("write {name}"))?;
        }
        let folder = server.folder().join(start.folder.as_ref().map(filled).unwrap_or_default());
        ensure!(folder.is_dir(), "the working folder {} is not there; see [start] folder", folder.display());
        Ok(Self {
            command: start.command.iter().map(filled).collect(),
            env: start.env.iter().map(|(name, value)| (name.clone(), filled(value))).collect(),
            folder,
            address,
            placeholders,
        })
    }

    /// Starts it. Its output goes to this process's standard error, which pushbench reads. `has_written` becomes true when
    /// the output has the line that shows that it is ready.
    pub(super) fn start(&self, when: &ReadyWhen, has_written: &Arc<AtomicBool>) -> anyhow::Result<Pid> {
        let mut command = exec(&self.folder, &self.command)?;
        command.envs(&self.env).stdin(Stdio::null());
        match when {
            ReadyWhen::Writes(line) => {
                let (read, write) = io::pipe().context("make a pipe for its output")?;
                command.stdout(write.try_clone().context("share the pipe")?).stderr(write);
                let (line, has_written) = (line.clone(), Arc::clone(has_written));
                thread::spawn(move || relay(BufReader::new(read), &line, &has_written));
            }
            ReadyWhen::Connects | ReadyWhen::Answers(_) => {
                let output = || io::stderr().as_fd().try_clone_to_owned().context("share standard error");
                command.stdout(output()?).stderr(output()?);
            }
        }
        let child = command.spawn().with_context(|| format!("start {}", self.command[0]))?;
        // From here on it is waited for by its process id alone.
        Pid::from_raw(child.id().cast_signed()).context("a process without an id")
    }
}

/// How it is published to, with the placeholders' values.
pub(super) fn publish(server: &TargetServer, placeholders: &Placeholders) -> anyhow::Result<Publish> {
    Ok(match server.target.publish.with(|text| with_values(text, placeholders)) {
        Publish::Command(PublishCommand { command, channel }) => {
            let command = exec_words(server.folder(), &command)?;
            Publish::Command(PublishCommand { command, channel })
        }
        other @ (Publish::Request(_) | Publish::Socket(_)) => other,
    })
}

/// The values of the placeholders that are known before anything is started.
pub(super) fn known(server: &TargetServer, technique: &str) -> anyhow::Result<Placeholders> {
    match server.required_files() {
        Ok(mut placeholders) => {
            placeholders.insert("technique".to_owned(), technique.to_owned());
            Ok(placeholders)
        }
        Err(missing) => bail!("{missing}"),
    }
}

/// Copies what a target writes to standard error. Bytes that are no text are copied as well.
fn relay(mut output: impl io::BufRead, line: &str, has_written: &AtomicBool) {
    let mut found = Vec::new();
    while matches!(output.read_until(b'\n', &mut found), Ok(1..)) {
        if String::from_utf8_lossy(&found).contains(line) {
            has_written.store(true, Ordering::Release);
        }
        // Where nobody reads it, the target must not wait for a reader all the same.
        let _ = io::stderr().write_all(&found);
        found.clear();
    }
}

/// This program as `exec-target`, which becomes `command` in `folder`.
fn exec(folder: &Path, command: &[String]) -> anyhow::Result<Command> {
    let words = exec_words(folder, command)?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    Ok(command)
}

fn exec_words(folder: &Path, command: &[String]) -> anyhow::Result<Vec<String>> {
    let own = std::env::current_exe().context("find the path of this program")?;
    let own = own.to_str().context("a path of this program that is no text")?.to_owned();
    let folder = folder.to_str().context("a folder whose name is no text")?.to_owned();
    let words = [own, EXEC.to_owned(), "--folder".to_owned(), folder, "--".to_owned()];
    Ok(words.into_iter().chain(command.iter().cloned()).collect())
}

/// The sub-command: becomes a program of the target, which ends with the process that started it.
pub(crate) fn become_program(folder: &Path, command: &[String]) -> anyhow::Result<ExitCode> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))
        .context("end with the process that started this one")?;
    let (program, words) = command.split_first().context("a command without a program")?;
    let error = Command::new(program).args(words).current_dir(folder).env("PATH", search_path()).exec();
    Err(error).with_context(|| format!("start {program}"))
}

/// Ports that were free a moment ago, all different. If another program takes one meanwhile, the server reports that and ends.
fn free_ports() -> io::Result<[u16; PORTS.len()]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let sockets = PORTS.iter().map(|_| bind()).collect::<io::Result<Vec<_>>>()?;
    let mut ports = [0; PORTS.len()];
    for (port, socket) in ports.iter_mut().zip(&sockets) {
        *port = socket.local_addr()?.port();
    }
    Ok(ports)
}

/// Braces around anything else stay: configurations are full of them.
fn with_values(text: &str, placeholders: &Placeholders) -> String {
    let replace =
        |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
    placeholders.iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_placeholders_are_replaced() {
        let placeholders =
            Placeholders::from([("port".to_owned(), "80".to_owned()), ("dir".to_owned(), "/d".to_owned())]);
        assert_eq!(
            with_values("http { listen {port}; root {dir}/{x}; }", &placeholders),
            "http { listen 80; root /d/{x}; }"
        );
    }

    #[test]
    fn the_ports_differ() {
        let mut ports = free_ports().unwrap().to_vec();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), PORTS.len());
    }

    #[test]
    fn a_line_is_found_in_the_output_also_beside_what_is_no_text() {
        for (output, expected) in
            [("ok\nlistening on 80\n", true), ("no\n", false), ("listening", true), ("", false)]
        {
            let has_written = AtomicBool::new(false);
            relay(output.as_bytes(), "listening", &has_written);
            assert_eq!(has_written.into_inner(), expected, "{output:?}");
        }
    }
}
