//! A script on Node that is told what to do by lines, and tells what happens by lines, each a JSON value.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Names what must not be skipped; CI sets it.
const REQUIRE: &str = "PUSHBENCH_REQUIRE";

/// A script that runs. It ends with its standard input, so at the latest with this process.
pub(crate) struct Script {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// Whether there is Node, and the packages that are pinned for it. Where not, `test` is skipped by name, and fails if Node
/// is required.
pub(crate) fn is_there(test: &str) -> bool {
    let missing = if !answers() {
        "no node; install nodejs"
    } else if !packages().join("node_modules").is_dir() {
        "no Node packages; run npm ci --prefix targets/node (install npm)"
    } else {
        return true;
    };
    let required = std::env::var(REQUIRE).is_ok_and(|required| required.split(',').any(|it| it == "node"));
    assert!(!required, "{REQUIRE} asks for node: {missing}");
    // The harness would keep what is printed by macro to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
    false
}

fn answers() -> bool {
    let version = Blocking::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Where the packages are installed.
fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets/node")
}

impl Script {
    /// Runs a script of this folder, which finds the packages by `PACKAGES`, a file beside `node_modules`.
    pub(crate) fn run(name: &str, arguments: &[&str]) -> Self {
        Self::run_with(name, arguments, None)
    }

    /// The same; `authority` is a certificate that it trusts, PEM.
    pub(crate) fn run_with(name: &str, arguments: &[&str], authority: Option<&str>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official").join(name);
        let mut child = Command::new("node")
            .arg(script)
            .args(arguments)
            .env("PACKAGES", packages().join("package.json"))
            .envs(authority.map(|authority| ("AUTHORITY", authority)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines() }
    }

    /// Tells it what to do.
    pub(crate) async fn tell(&mut self, what: &Value) {
        self.input.write_all(format!("{what}\n").as_bytes()).await.unwrap();
    }

    /// What it tells next under `key`; other things are passed over.
    pub(crate) async fn told(&mut self, key: &str) -> Value {
        loop {
            let line = self.output.next_line().await.unwrap().expect("the script tells it before it ends");
            let told: Value = serde_json::from_str(&line).unwrap();
            if let Some(value) = told.get(key) {
                return value.clone();
            }
        }
    }

    /// Ends it, and waits until it has ended.
    pub(crate) async fn end(self) {
        let Self { mut child, input, .. } = self;
        drop(input);
        child.wait().await.unwrap();
    }
}
