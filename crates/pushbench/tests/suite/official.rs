//! Socket.IO against the original: the official JavaScript server and clients, on Node.
//!
//! `our_client`: our client against the official servers; `our_server`: the official clients against our server. Both run scripts on Node
//! that read commands and print events, each a line of JSON.

mod our_client;
mod our_server;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use test_support::{program, require};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running script. It ends with its standard input, so at the latest with this process.
pub(crate) struct Script {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// Whether Node and the pinned packages are installed. Otherwise the test is skipped or fails.
pub(crate) fn is_installed() -> Option<()> {
    let has_packages = packages().join("node_modules").is_dir();
    let packages = has_packages.then_some(()).ok_or_else(|| {
        "the Node packages are missing; run npm ci --prefix targets/node (install npm)".to_owned()
    });
    require("node", program("node").and(packages))
}

fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets/node")
}

impl Script {
    /// Runs a script of this folder, which finds the packages by `PACKAGES`, a file beside `node_modules`. `authority` is a certificate
    /// that it trusts, PEM.
    pub(crate) fn run(name: &str, arguments: &[&str], authority: Option<&str>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/official").join(name);
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

    pub(crate) async fn send(&mut self, what: &Value) {
        self.input.write_all(format!("{what}\n").as_bytes()).await.unwrap();
    }

    /// The value of the next event with `key`; skips other events.
    pub(crate) async fn next(&mut self, key: &str) -> Value {
        loop {
            let line = self.output.next_line().await.unwrap().expect("the script prints it before it ends");
            let event: Value = serde_json::from_str(&line).unwrap();
            if let Some(value) = event.get(key) {
                return value.clone();
            }
        }
    }

    pub(crate) async fn end(self) {
        let Self { mut child, input, .. } = self;
        drop(input);
        child.wait().await.unwrap();
    }
}
