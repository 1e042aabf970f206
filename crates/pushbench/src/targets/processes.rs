//! Which processes a server is that runs already.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use model::target::Running;
use os::process_tree;

/// The processes that are measured, each with all below it: those that the file names, or those that listen at the address.
/// None when nobody of this user's listens there, or this process is one of those below.
/// Fails when a process is named that is not there.
pub(super) fn roots(running: &Running, folder: &Path) -> anyhow::Result<Vec<u32>> {
    let mut pids: Vec<u32> = running.pid.into_iter().collect();
    if let Some(file) = &running.pid_file {
        pids.push(read_pid(&folder.join(file))?);
    }
    for &pid in &pids {
        ensure!(!os::has_ended(pid), "process {pid} of [process] is not there; is the server running?");
    }
    let is_named = !pids.is_empty() || !running.ports.is_empty();
    let ports = if is_named { running.ports.clone() } else { vec![running.address.port] };
    pids.extend(holders(&ports)?);
    for port in &running.ports {
        ensure!(
            !holders(&[*port])?.is_empty(),
            "no process of this user listens on port {port} of [process]; correct `ports`"
        );
    }
    Ok(without_descendants(pids, std::process::id()))
}

fn holders(ports: &[u16]) -> anyhow::Result<Vec<u32>> {
    let mut listeners = os::listeners().context("look who listens")?;
    listeners.retain(|listener| ports.contains(&listener.address.port()));
    os::holders(&listeners).context("look who listens")
}

fn read_pid(file: &Path) -> anyhow::Result<u32> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("read the pid_file {shown}"))?;
    text.trim().parse().with_context(|| format!("the pid_file {shown} does not hold a process's number"))
}

/// What is below another one is measured with that one. A tree with `own` in it would measure the load generator, too.
fn without_descendants(mut pids: Vec<u32>, own: u32) -> Vec<u32> {
    pids.sort_unstable();
    pids.dedup();
    let trees: Vec<Vec<u32>> = pids.iter().map(|&pid| process_tree(pid).unwrap_or_default()).collect();
    let is_below_another = |pid: &u32| trees.iter().any(|tree| tree.iter().skip(1).any(|below| below == pid));
    if trees.iter().flatten().any(|&pid| pid == own) {
        return Vec::new();
    }
    pids.iter().filter(|pid| !is_below_another(pid)).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::process::{Command, Stdio};

    use model::target::Address;

    use super::*;

    fn running(port: u16) -> Running {
        Running {
            address: Address::parse(&format!("127.0.0.1:{port}")).unwrap(),
            pid: None,
            pid_file: None,
            ports: Vec::new(),
        }
    }

    #[test]
    fn a_process_below_another_one_is_measured_with_that_one() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let below: u32 = line.trim().parse().unwrap();
        let found = without_descendants(vec![below, child.id(), below], std::process::id());
        let with_own = without_descendants(vec![std::process::id()], child.id());
        for pid in [below, child.id()] {
            os::kill(pid).unwrap();
        }
        let parent = child.id();
        child.wait().unwrap();
        assert_eq!(found, [parent]);
        assert_eq!(with_own, [0; 0], "the load generator would be in it");
    }

    #[test]
    fn what_is_named_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bad.pid"), "none\n").unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = socket.local_addr().unwrap().port();
        drop(socket);
        let at = || running(free);
        for (running, words) in [
            (Running { pid: Some(i32::MAX as u32), ..at() }, "of [process] is not there"),
            (Running { pid_file: Some("bad.pid".into()), ..at() }, "does not hold a process's number"),
            (Running { pid_file: Some("no.pid".into()), ..at() }, "read the pid_file"),
            (Running { ports: vec![free], ..at() }, "correct `ports`"),
        ] {
            let error = format!("{:#}", roots(&running, folder.path()).unwrap_err());
            assert!(error.contains(words), "`{words}` is not in `{error}`");
        }
        assert_eq!(roots(&at(), folder.path()).unwrap(), [0; 0]);
    }
}
