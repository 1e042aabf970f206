//! Servers of other projects, as their files describe them: what each needs, and what it prints as its version. They are selected for a run,
//! started and ended.
//!
//! Each target runs below a process of its own, the [`supervisor`]. That makes the target's configuration, starts it on the
//! server's cores, waits until it is ready, prints the same ready line as pushbench's own servers, and ends all processes of
//! the target when its standard input ends. This holds whichever of the processes is killed first.
//!
//! - [`selection`]: which targets take part in a run, and in which settings
//! - [`supervisor`]: the process that runs a target, and ends all processes below it
//! - [`launch`], [`readiness`]: the command and configuration that it starts, and whether that is ready
//! - [`proxies`]: proxies between load generator and server, which are run in the same way
//! - [`processes`]: which processes a server is that runs already

pub(crate) mod launch;
mod processes;
pub(crate) mod proxies;
mod readiness;
pub(crate) mod ready;
pub(crate) mod selection;
pub(crate) mod supervisor;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use model::manifest::TargetInfo;
use model::scenario::ScenarioError;
use model::settings::Settings;
use model::target::{Address, Needed, Publish, Send, Server, Target};
use model::trial::TargetSpec;
use rustix::process::{Pid, Signal, kill_process_group};

use self::ready::TargetReady;
use crate::project::{self, Definition, Kind};
use crate::registry;

type Parse = fn(&str, &str, &str, &[&str]) -> Result<Target, ScenarioError>;

/// What placeholders stand for, without their braces.
pub(super) type Placeholders = BTreeMap<String, String>;

/// Techniques whose subscribers send by the request that publishes.
const SEND_BY_REQUEST: [&str; 4] =
    ["short-polling", "long-polling", "http-streaming-ndjson", "http-streaming-sse"];

/// What a target's command for its version may take.
const VERSION_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const LONGEST_VERSION_BYTES: u64 = 4_096;
const LONGEST_VERSION_CHARS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetServer {
    pub(crate) target: Target,
    pub(crate) file: PathBuf,
}

impl TargetServer {
    /// Reads the target that is called `name`, or whose file that is.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        if name.contains('/') || name.ends_with(".toml") {
            return Self::read(Path::new(name));
        }
        let Some(file) = project::target_file(name)? else {
            let all = Kind::Target.definitions()?;
            let names: Vec<_> = all.iter().map(|definition| definition.name.as_str()).collect();
            bail!("there is no target {name}; there are: {} (or give the path of a file)", names.join(", "));
        };
        Self::read(&file)
    }

    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        Self::read_as(file, Target::parse)
    }

    /// Reads a proxy's file.
    pub(crate) fn read_proxy(file: &Path) -> anyhow::Result<Self> {
        Self::read_as(file, Target::parse_proxy)
    }

    fn read_as(file: &Path, parse: Parse) -> anyhow::Result<Self> {
        let shown = file.display().to_string();
        let Definition { name, text, .. } = Definition::read(file)?;
        let target = parse(&text, &shown, &name, &techniques())?;
        Ok(Self { target, file: file.to_owned() })
    }

    /// The folder that its paths are relative to.
    pub(crate) fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// What the load generator of a trial with this technique and seed needs of the server that is ready; none for a technique that it lacks. A server that keeps running remembers the channels of earlier trials, so each
    /// trial has channels of its own there.
    /// Fails when the file of the authorities cannot be read.
    pub(crate) fn spec(
        &self,
        technique: &str,
        seed: u64,
        ready: &TargetReady,
    ) -> anyhow::Result<Option<TargetSpec>> {
        let Some(subscription) = self.target.techniques.get(technique) else { return Ok(None) };
        let (mut subscription, mut publish) = (subscription.clone(), ready.publish.clone());
        if let Server::Running(running) = &self.target.server {
            let own = format!("{seed:x}-{:x}-{{channel}}", os::now_ns());
            let change = |text: &str| text.replace("{channel}", &own);
            let changed = subscription.with(change);
            // Where subscribers name no channel, there is only one.
            if changed != subscription {
                (subscription, publish) = (changed, publish.with(change));
            }
            let Address { prefix, .. } = &running.address;
            subscription.path.insert_str(0, prefix);
            if let Some((path, headers)) = publish.at_server() {
                path.insert_str(0, prefix);
                headers.extend(named_host(&running.address, headers));
            }
            subscription.headers.extend(named_host(&running.address, &subscription.headers));
        }
        if let Some(send) = self.sends(technique, &publish).filter(|send| matches!(send, Send::Request(_))) {
            subscription.send = Some(send);
        }
        let mut tls = self.target.tls.clone();
        if let Some(ca) = tls.as_mut().and_then(|tls| tls.ca.as_mut()) {
            let file = self.folder().join(&*ca);
            *ca = fs::read_to_string(&file)
                .with_context(|| format!("read `ca` of [tls], {}", file.display()))?;
        }
        let further_pids = ready.pids.iter().skip(1).copied().collect();
        Ok(Some(TargetSpec { further_pids, publish, subscription, tls }))
    }

    /// How a subscriber by this technique sends; none where it cannot.
    fn sends(&self, technique: &str, publish: &Publish) -> Option<Send> {
        match publish {
            Publish::Request(request)
                if request.address.is_none() && SEND_BY_REQUEST.contains(&technique) =>
            {
                Some(Send::Request(request.clone()))
            }
            _ => self.target.techniques.get(technique)?.send.clone(),
        }
    }

    /// Why this technique of it cannot run with settings that every target can run with.
    pub(crate) fn why_technique_cannot(&self, technique: &str, settings: &Settings) -> Option<&'static str> {
        let sends_nothing =
            settings.uplink.is_some() && self.sends(technique, &self.target.publish).is_none();
        sends_nothing.then_some("its file does not say how subscribers send by this technique")
    }

    /// As the manifest stores it. Runs its command for the version.
    pub(crate) fn info(&self) -> TargetInfo {
        let Target { name, label, about, publish, techniques, text, .. } = &self.target;
        TargetInfo {
            name: name.clone(),
            label: label.clone(),
            about: about.clone(),
            version: self.version(),
            publish: publish.shown(),
            techniques: techniques.keys().cloned().collect(),
            text: text.clone(),
            outside: self.is_outside().then(|| self.file.display().to_string()),
        }
    }

    /// Whether the file is not one of the project's targets.
    fn is_outside(&self) -> bool {
        let real = |file: &Path| file.canonicalize().ok();
        let own = project::target_file(&self.target.name).ok().flatten();
        own.is_none_or(|own| real(&own) != real(&self.file))
    }

    /// The first line of what its command writes, to standard output or else to standard error; none when it has
    /// no such command, or writes nothing in time.
    fn version(&self) -> Option<String> {
        let (program, arguments) = self.target.version.as_ref()?.split_first()?;
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(self.folder())
            .env("PATH", search_path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        let deadline = Instant::now() + VERSION_LIMIT;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        // All that it started ends with it, since these processes may hold its outputs open.
        let _ = Pid::from_raw(child.id().cast_signed()).map(|group| kill_process_group(group, Signal::KILL));
        let _ = child.wait();
        let outputs = (child.stdout.take()?, child.stderr.take()?);
        first_line(outputs.0).or_else(|| first_line(outputs.1))
    }

    /// Where the files are that the target asks for by a placeholder.
    /// The error is a sentence: the first thing that is missing, and what installs it.
    pub(super) fn required_files(&self) -> Result<Placeholders, String> {
        let mut placeholders = Placeholders::new();
        for requirement in &self.target.requires {
            // A built-in target's folder is not that of a checkout.
            let install = requirement.install.replace("{folder}", &self.folder().display().to_string());
            let missing = |what: &str| format!("{what} is missing; install {install}");
            match &requirement.what {
                Needed::Program(program) if on_path(program).is_none() => return Err(missing(program)),
                Needed::Program(_) => {}
                Needed::File { places: candidates, placeholder } => {
                    let found =
                        candidates.iter().map(|place| self.folder().join(place)).find(|path| path.exists());
                    let found = found.ok_or_else(|| missing(&candidates[0]))?;
                    if let Some(placeholder) = placeholder {
                        placeholders.insert(placeholder.clone(), found.display().to_string());
                    }
                }
            }
        }
        Ok(placeholders)
    }
}

/// The `host` field that names the server as its address does, unless there is one.
fn named_host(address: &Address, headers: &BTreeMap<String, String>) -> Option<(String, String)> {
    let host = address.named_host().filter(|_| !headers.contains_key("host"))?;
    Some(("host".to_owned(), host))
}

/// The techniques by which subscribers can reach a web server.
pub(crate) fn techniques() -> Vec<&'static str> {
    registry::TECHNIQUES
        .iter()
        .filter(|technique| !technique.baseline)
        .map(|technique| technique.slug)
        .collect()
}

fn first_line(output: impl std::io::Read) -> Option<String> {
    let mut bytes = Vec::new();
    output.take(LONGEST_VERSION_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.chars().take(LONGEST_VERSION_CHARS).collect())
}

/// Folders of servers that an ordinary user's `PATH` lacks.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The `PATH` by which a target's programs are found.
pub(super) fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    // A folder whose name contains a colon could not have been in it.
    env::join_paths(folders).unwrap_or(path.clone())
}

/// The program of this name in that `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
}

#[cfg(test)]
mod tests {
    use model::settings::{THROUGH, proxy};

    use super::*;

    #[test]
    fn every_target_of_the_project_can_be_read() {
        let names: Vec<_> =
            Kind::Target.definitions().unwrap().into_iter().map(|definition| definition.name).collect();
        assert_eq!(
            names,
            [
                "aiohttp",
                "axum",
                "better-sse-node",
                "nchan",
                "python-socketio",
                "socketio-node",
                "starlette",
                "ws-node"
            ]
        );
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets/examples");
        let files = fs::read_dir(examples).unwrap().map(|file| file.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "toml")) {
            TargetServer::read(&file).unwrap_or_else(|error| panic!("{error:#}"));
        }
        for name in names {
            let server = TargetServer::named(&name).unwrap_or_else(|error| panic!("{error:#}"));
            assert_eq!(server.target.name, name);
        }
        for through in &THROUGH[1..] {
            let server = TargetServer::proxy(through).unwrap_or_else(|error| panic!("{error:#}"));
            let Server::Started(start) = &server.target.server else { panic!("{through} is not started") };
            for template in start.config.values() {
                let template = template.replace("{variant}", proxy(through).1);
                assert!(server.folder().join(&template).is_file(), "{template}");
            }
        }
    }

    #[test]
    fn what_installs_a_requirement_names_the_targets_own_folder() {
        let text = "label = \"A\"\nabout = \"b\"\naddress = \"127.0.0.1:9\"\n[[requires]]\nfiles = [\"no/such\"]\n\
            install = \"it: npm ci --prefix {folder}/node\"\n[publish]\npath = \"/p\"\n[techniques.websocket]\npath = \"/w\"\n";
        let target = Target::parse(text, "a.toml", "a", &techniques()).unwrap();
        let server = TargetServer { target, file: PathBuf::from("/cache/targets/a.toml") };
        let missing = server.required_files().unwrap_err();
        assert_eq!(missing, "no/such is missing; install it: npm ci --prefix /cache/targets/node");
    }
}
