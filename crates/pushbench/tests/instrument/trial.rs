//! One trial with a real server and a real load generator, each a process of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::scenario::{Extent, Scenario};
use model::settings::Settings;
use model::trial::{ServerSpec, TrialOutcome, TrialSpec};

use crate::server_process::{PUSHBENCH, ServerProcess, in_time};
use crate::techniques::{every_of, registry};

/// The longest trial here takes 15 s, and a load generator gives its subscribers 30 s to connect.
const LONGEST_TRIAL: Duration = Duration::from_secs(60);

/// Tests that read times take turns, so that one does not slow the other. The techniques within one run side by side.
pub(crate) fn quiet() -> MutexGuard<'static, ()> {
    static QUIET: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing half done here.
    QUIET.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn every_technique(property: impl Fn(&str) + Sync) {
    every_of(&registry(), property);
}

/// The settings that the body of a scenario file stands for.
pub(crate) fn settings(body: &str) -> Settings {
    let text = format!("question = \"Is the instrument right?\"\nreading = \"It is.\"\n{body}");
    let slugs = registry();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let scenario = Scenario::parse(&text, "instrument.toml", "instrument", &slugs, Extent::Full);
    scenario.unwrap_or_else(|error| panic!("{error}")).points.remove(0).settings
}

pub(crate) fn serve(technique: &str, settings: &Settings) -> ServerProcess {
    let json = serde_json::to_string(settings).expect("settings are JSON");
    ServerProcess::start_directly(technique, &["--settings", &json])
}

/// The outcome of a trial that must run to its end, with its subscribers connected straight to the server.
pub(crate) fn run(technique: &str, settings: &Settings) -> TrialOutcome {
    run_at(technique, settings, |server| server.ready().address)
}

/// The same, with the subscribers sent to the address that `address` makes of the server's.
pub(crate) fn run_at(
    technique: &str,
    settings: &Settings,
    address: impl FnOnce(&ServerProcess) -> SocketAddr,
) -> TrialOutcome {
    let mut server = serve(technique, settings);
    let output = Load::start(&server, address(&server), settings).finish();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.end_input();
    assert!(server.until_gone().success());
    serde_json::from_slice(&output.stdout).expect("the load generator prints the outcome")
}

pub(crate) struct Load(Child);

impl Load {
    /// Starts the load of a trial, with nothing pinned.
    pub(crate) fn start(server: &ServerProcess, address: SocketAddr, settings: &Settings) -> Self {
        let ready = server.ready();
        let feed = Some(server.feed().to_owned());
        let at = ServerSpec { feed, pid: Some(ready.pid), ..ServerSpec::at(address) };
        let spec = TrialSpec { seed: 7, ..TrialSpec::new(&ready.technique, at, settings.clone()) };
        let mut command = Command::new(PUSHBENCH);
        command.arg("load").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the load generator starts");
        let mut line = serde_json::to_vec(&spec).expect("a spec is plain data");
        line.push(b'\n');
        // Borrowed, not taken: the end of its input would end it.
        child.stdin.as_mut().expect("a pipe").write_all(&line).expect("it reads its spec");
        Self(child)
    }

    pub(crate) fn finish(mut self) -> Output {
        // Held until the end: without its input it would end at once.
        let _lifeline = self.0.stdin.take();
        self.output()
    }

    /// Ends its input, which says that nobody awaits the outcome, and waits for its end.
    pub(crate) fn end_input(mut self) {
        drop(self.0.stdin.take());
        let output = self.output();
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    }

    fn output(self) -> Output {
        let pid = self.0.id();
        in_time(LONGEST_TRIAL, pid, "the trial ends", || self.0.wait_with_output()).expect("readable")
    }
}
