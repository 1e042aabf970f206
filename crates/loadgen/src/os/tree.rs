//! The processes below one process: a server may be several.

use std::fs;
use std::io;

use super::{Switches, process_cpu_ns, resident_bytes, switches};

/// More processes than any server has; the walk ends there.
const MOST_PROCESSES: usize = 4_096;

/// `root` and every process below it, those first that are nearest.
///
/// # Errors
///
/// When there is no process `root`.
pub fn process_tree(root: u32) -> io::Result<Vec<u32>> {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&pid) = tree.get(next) {
        match children(pid) {
            Ok(children) => tree.extend(children),
            Err(error) if next == 0 => return Err(error),
            // It has ended since it was listed.
            Err(_) => {}
        }
        next += 1;
        tree.truncate(MOST_PROCESSES);
    }
    Ok(tree)
}

/// CPU time, anonymous resident memory and context switches of `root` and every process below it; memory that processes
/// share since a fork is counted for each. What a process cost that has ended since is not in it.
///
/// # Errors
///
/// When there is no process `root`.
pub fn tree_cost(root: u32) -> io::Result<(u64, u64, Switches)> {
    let tree = process_tree(root)?;
    // The clocks first: reading one costs 1 µs, and /proc thirty times as much.
    let cpu_ns = process_cpu_ns(root)? + tree[1..].iter().flat_map(|&pid| process_cpu_ns(pid)).sum::<u64>();
    let resident = resident_bytes(root)? + tree[1..].iter().flat_map(|&pid| resident_bytes(pid)).sum::<u64>();
    let mut sum = switches(root)?;
    for other in tree[1..].iter().flat_map(|&pid| switches(pid)) {
        sum.voluntary += other.voluntary;
        sum.involuntary += other.involuntary;
    }
    Ok((cpu_ns, resident, sum))
}

/// Children of every thread of a process.
fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut all = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task?.path().join("children")) else { continue };
        all.extend(text.split_ascii_whitespace().flat_map(str::parse::<u32>));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_tree_holds_the_children_of_children_and_their_cost() {
        let script = "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $$; exec sleep 60'; true";
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let (tree, cost) = (process_tree(child.id()), tree_cost(child.id()));
        let alone = process_cpu_ns(child.id()).unwrap();
        for pid in [grandchild, child.id()] {
            super::super::send(pid, rustix::process::Signal::KILL).unwrap();
        }
        child.wait().unwrap();
        assert_eq!(tree.unwrap(), [child.id(), grandchild]);
        assert!(cost.unwrap().0 > alone, "the loop ran in the grandchild");
        assert!(process_tree(u32::MAX).is_err());
    }
}
