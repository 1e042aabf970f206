//! A figure, ready to paste: as text, for BibTeX, and as a Markdown badge. Nothing in it but the version and the commit changes with
//! further runs, so that links survive them.

use crate::evidence::Evidence;
use crate::figure::{Figure, FigureName};
use crate::pages::place;

/// The forms of a citation.
#[derive(Debug, PartialEq, Eq)]
pub struct Citation {
    /// A sentence.
    pub text: String,
    /// An entry for a bibliography.
    pub bibtex: String,
    /// An image with a link, for a README.
    pub badge: String,
}

/// Cites a figure that was found by this name.
pub fn cite(evidence: &Evidence, name: &FigureName, figure: &Figure<'_>) -> Citation {
    let newest = &evidence.runs[0].manifest;
    let commit = newest.commit.as_deref().map_or("unknown", |commit| &commit[..commit.len().min(12)]);
    let label = evidence.label(&name.technique);
    let to = name.to.as_deref().map_or_else(String::new, |to| format!(" ÷ {}", evidence.label(to)));
    let what = format!("{} of {label}{to}, scenario {}", figure.metric.label, name.scenario);
    let (value, estimate) = (figure.text(), figure.estimate);
    let runs = if estimate.runs == 1 { "one run".to_owned() } else { format!("{} runs", estimate.runs) };
    let interval = match estimate.interval {
        Some(_) if value.contains('[') => " [95 % interval]",
        Some(_) => ", exact to these digits",
        None => ", no interval",
    };
    let rests =
        format!("n = {} trials, {runs}, pushbench {}, commit {commit}", estimate.trials, newest.pushbench);
    let year = model::calendar::date(newest.started_unix_s).chars().take(4).collect::<String>();
    let link = place(&name.scenario);
    Citation {
        text: format!("{what}: {value}{interval} ({rests}). {name}, {link}\n"),
        bibtex: format!(
            "@misc{{pushbench-{},\n  title = {{{{pushbench}}: {what}}},\n  year = {{{year}}},\n  note = {{{value}; {rests}}},\n  \
             howpublished = {{{link}}}\n}}\n",
            key(&name.to_string()),
        ),
        badge: format!(
            "[![{name}: {value}](https://img.shields.io/badge/{}-{}-informational)]({link})\n",
            badge_part(&format!("{} {}", name.technique, name.metric)),
            badge_part(&value),
        ),
    }
}

/// A name as a key: letters, digits and single hyphens.
fn key(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// A badge's path has its own escapes for hyphens and underscores, and percent signs for the rest.
fn badge_part(text: &str) -> String {
    let mut part = String::new();
    for letter in text.chars() {
        match letter {
            '-' => part.push_str("--"),
            '_' => part.push_str("__"),
            ' ' => part.push('_'),
            letter if letter.is_ascii_alphanumeric() || letter == '.' => part.push(letter),
            letter => letter.to_string().bytes().for_each(|byte| part.push_str(&format!("%{byte:02X}"))),
        }
    }
    part
}
