//! The registry as the command lists it, and properties that hold for every technique.

use std::any::Any;
use std::process::Command;
use std::thread;

use crate::server_process::PUSHBENCH;

/// Tries a property on each of these techniques, each in a thread that is named after it.
pub(crate) fn every_of(techniques: &[String], property: impl Fn(&str) + Sync) {
    let broken: Vec<String> = thread::scope(|scope| {
        let spawn = |technique: &String| {
            let (technique, property) = (technique.clone(), &property);
            let thread = thread::Builder::new().name(technique.clone());
            thread.spawn_scoped(scope, move || property(&technique)).expect("a thread starts")
        };
        let threads: Vec<_> = techniques.iter().map(spawn).collect();
        let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        techniques.iter().zip(ended).filter_map(|(technique, ended)| broken(technique, &ended)).collect()
    });
    assert!(broken.is_empty(), "it does not hold for {}", broken.join("; "));
}

/// The technique and why, if its thread panicked.
fn broken(technique: &str, ended: &Result<(), Box<dyn Any + Send>>) -> Option<String> {
    let panic = ended.as_ref().err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let why = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    Some(format!("{technique}: {}", why.chars().take(2_000).collect::<String>()))
}

pub(crate) fn registry() -> Vec<String> {
    let output = Command::new(PUSHBENCH).args(["list", "--techniques"]).output().expect("pushbench starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("slugs are text");
    let techniques: Vec<_> = text.lines().map(str::to_owned).collect();
    assert!(techniques.len() >= 7, "{techniques:?}");
    techniques
}
