//! Other people's clients of HTTP, where they are installed.

use std::process::{Command, Stdio};

use super::{CONNECTIONS, OPERATIONS};

/// A program that asks for one address again and again.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// Where it comes from.
    pub(crate) install: &'static str,
    arguments: fn() -> Vec<String>,
    /// How many requests it made, by what it prints; none where it makes as many as it was told.
    pub(crate) requests: fn(printed: &str) -> Option<u64>,
}

/// All that are known here.
pub(crate) const TOOLS: [Tool; 6] = [
    Tool {
        name: "wrk",
        install: "Debian package wrk",
        arguments: || vec!["-t1".into(), format!("-c{CONNECTIONS}"), "-d1s".into()],
        // `  201234 requests in 1.00s, 13.05MB read`
        requests: |printed| {
            let line = printed.lines().find(|line| line.contains(" requests in "))?;
            line.split_whitespace().next()?.parse().ok()
        },
    },
    Tool {
        name: "oha",
        install: "cargo install oha --locked",
        arguments: || counted(&["--no-tui"]),
        requests: told,
    },
    Tool {
        name: "ab",
        install: "Debian package apache2-utils",
        arguments: || counted(&["-q", "-k"]),
        requests: told,
    },
    Tool { name: "hey", install: "Debian package hey", arguments: || counted(&[]), requests: told },
    Tool {
        name: "h2load",
        install: "Debian package nghttp2-client",
        arguments: || counted(&["--h1", "-t1"]),
        requests: told,
    },
    Tool {
        name: "autocannon",
        install: "npm package autocannon",
        arguments: || vec!["-c".into(), CONNECTIONS.to_string(), "-a".into(), OPERATIONS.to_string()],
        requests: told,
    },
];

impl Tool {
    pub(crate) fn is_installed(&self) -> bool {
        let mut asked = Command::new(self.name);
        // Some know no version and say so, which is an answer, too.
        asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok()
    }

    pub(crate) fn command(&self, url: &str) -> Command {
        let mut command = Command::new(self.name);
        command.args((self.arguments)()).arg(url);
        command
    }
}

fn counted(more: &[&str]) -> Vec<String> {
    let (connections, operations) = (CONNECTIONS.to_string(), OPERATIONS.to_string());
    more.iter().copied().chain(["-c", &connections, "-n", &operations]).map(str::to_owned).collect()
}

fn told(_printed: &str) -> Option<u64> {
    None
}
