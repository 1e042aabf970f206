//! What was run, and on what machine.

use std::collections::BTreeMap;

use model::calendar;
use model::manifest::{Host, Manifest};

use super::Chapter;
use super::markdown::{inline, word_table};
use crate::load::Run;
use crate::numbers;

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let run = chapter.analysis.run;
    let facts = run_facts(chapter, run).into_iter().chain(host_facts(&run.manifest.host));
    let rows = facts.map(|(name, fact)| vec![name.to_owned(), fact]);
    format!("{}{}", word_table(&["", ""], rows), techniques(&run.manifest))
}

fn run_facts(chapter: &Chapter<'_>, run: &Run) -> Vec<(&'static str, String)> {
    let manifest = &run.manifest;
    vec![
        ("run", format!("[{}]({})", inline(&run.name), chapter.link)),
        ("begun", format!("{} UTC", utc(manifest.started_unix_s))),
        ("command", format!("`pushbench {}`", inline(&manifest.command))),
        ("commit", commit(manifest)),
        ("pushbench", inline(&manifest.pushbench)),
        ("seed", manifest.seed.to_string()),
        ("trials", trials(run)),
        ("libraries", pairs(&manifest.libraries, " ")),
    ]
}

fn commit(manifest: &Manifest) -> String {
    let tree = match manifest.dirty {
        Some(true) => " and changes that were not committed",
        Some(false) => "",
        None => " (whether the work tree differed is not known)",
    };
    match &manifest.commit {
        Some(commit) => format!("`{}`{tree}", inline(commit)),
        None => "not known".to_owned(),
    }
}

/// What a climb to the bound left out was decided, not missed.
fn trials(run: &Run) -> String {
    let (read, planned) = (run.trials.len(), run.manifest.planned_trials);
    let skipped = run.manifest.skipped_trials();
    let past = if skipped == 0 { String::new() } else { format!(", {skipped} skipped past the bound") };
    let is_whole = read + skipped >= planned as usize;
    let state = if is_whole { "" } else { ": **the run is not complete**" };
    format!("{read} of {planned} planned{past}{state}")
}

fn host_facts(host: &Host) -> Vec<(&'static str, String)> {
    vec![
        ("machine", inline(&host.name)),
        ("kernel", inline(&host.kernel)),
        ("CPU", format!("{}, {} cores usable", inline(&host.cpu), host.cores)),
        ("governor", host.governor.as_deref().map_or_else(|| "not known".to_owned(), inline)),
        ("memory", numbers::bytes(host.memory_bytes as f64)),
        ("server's cores", cores(&host.server_cores)),
        ("load generator's cores", cores(&host.load_cores)),
        ("open files", numbers::whole(host.descriptors)),
        ("kernel settings", pairs(&host.sysctls, " = ")),
    ]
}

fn cores(cores: &[u32]) -> String {
    if cores.is_empty() {
        return "not pinned".to_owned();
    }
    cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn pairs(pairs: &BTreeMap<String, String>, between: &str) -> String {
    let shown = pairs.iter().map(|(name, value)| format!("{}{between}{}", inline(name), inline(value)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    if shown.is_empty() { "none recorded".to_owned() } else { shown }
}

fn techniques(manifest: &Manifest) -> String {
    let rows = manifest.techniques.iter().map(|technique| {
        let floor = if technique.baseline { " *The floor.*" } else { "" };
        let slug = format!("`{}`", technique.slug);
        vec![inline(&technique.label), slug, format!("{}{floor}", inline(&technique.about))]
    });
    format!("\nThe contestants:\n\n{}", word_table(&["technique", "slug", "what it is"], rows))
}

/// Year to minute of a time since 1970.
fn utc(unix_s: u64) -> String {
    let second = unix_s % 86_400;
    format!("{} {:02}:{:02}", calendar::date(unix_s), second / 3_600, second / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn known_times_have_their_dates() {
        assert_eq!(utc(0), "1970-01-01 00:00");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00");
        assert_eq!(utc(1_000_000_000), "2001-09-09 01:46");
        assert_eq!(utc(1_767_225_599), "2025-12-31 23:59");
    }
}
