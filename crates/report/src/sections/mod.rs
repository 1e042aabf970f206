//! The generated parts of the report, as Markdown.

mod answers;
mod browsers;
mod caveats;
mod claims;
mod close_cases;
mod connections;
mod counters;
mod crossings;
mod frontier;
mod handshake;
mod machine;
mod markdown;
mod observer;
mod other_servers;
mod overload;
mod price;
mod published;
mod saturation;
mod scenario;
mod server_restarts;
mod slow_consumers;
mod socket_ping;
mod summary;
mod theory;
mod timeline;
mod topic;
mod transport_cost;

use std::path::{Component, Path, PathBuf};

use crate::charts::Figure;
use crate::marker_sections::Part;
use crate::statistics::Analysis;

/// A run with its charts, as the sections see it.
pub(crate) struct Chapter<'a> {
    analysis: &'a Analysis<'a>,
    figures: &'a [Figure],
    /// The run's folder as the report links to it.
    link: String,
    /// What tells this run's anchors from those of others; empty when there is only one.
    suffix: String,
}

type Section = fn(&Chapter<'_>) -> String;

/// Every section with its marker's name, in the order of the template.
const SECTIONS: &[(&str, Section)] = &[
    ("at-a-glance", summary::section),
    ("frontier", frontier::section),
    ("claims", claims::section),
    ("machine", machine::section),
    ("socket-ping", socket_ping::section),
    ("results", answers::section),
    ("saturation", saturation::section),
    ("overload", overload::section),
    ("connections", connections::section),
    ("server-restarts", server_restarts::section),
    ("slow-consumers", slow_consumers::section),
    ("counters", counters::section),
    ("other-servers", other_servers::section),
    ("browsers", browsers::section),
    ("close-cases", close_cases::section),
    ("observer", observer::section),
    ("theory", theory::section),
    ("publications", published::section),
    ("timelines", timeline::section),
    ("not-measured", caveats::not_measured),
    ("warnings", caveats::warnings),
];

/// All sections. `home` is the folder that the report lies in.
pub(crate) fn generate(analyses: &[Analysis<'_>], figures: &[Vec<Figure>], home: &Path) -> Vec<Part> {
    let several = analyses.len() > 1;
    let chapters: Vec<Chapter<'_>> = analyses
        .iter()
        .zip(figures)
        .map(|(analysis, figures)| Chapter {
            analysis,
            figures,
            link: relative(home, &analysis.run.dir),
            suffix: if several { format!("-{}", analysis.run.name) } else { String::new() },
        })
        .collect();
    SECTIONS.iter().map(|(name, section)| Part { name, text: text(&chapters, *section) }).collect()
}

fn text(chapters: &[Chapter<'_>], section: Section) -> String {
    let texts = chapters.iter().map(|chapter| {
        let heading = if chapter.suffix.is_empty() {
            String::new()
        } else {
            format!("### Run {}\n\n", chapter.analysis.run.name)
        };
        heading + section(chapter).trim_end()
    });
    texts.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// The way from one folder to another, with `/`, as a link wants it.
fn relative(from: &Path, to: &Path) -> String {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (from, to) = (real(from), real(to));
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    if way.as_os_str().is_empty() { ".".to_owned() } else { way.to_string_lossy().replace('\\', "/") }
}

impl Chapter<'_> {
    fn label(&self, order: usize) -> String {
        markdown::inline(&self.analysis.technique(order).label)
    }

    /// What of a kind was left out of the run, by name and with the reason; nothing when nothing was.
    fn left_out(&self, kinds: &[&str]) -> String {
        let skipped = self.analysis.run.manifest.skipped.iter();
        let of_kind = skipped.filter(|skipped| kinds.iter().any(|kind| skipped.what.starts_with(kind)));
        let lines: Vec<String> = of_kind
            .map(|skipped| {
                format!("- {}: {}", markdown::inline(&skipped.what), markdown::inline(&skipped.why))
            })
            .collect();
        if lines.is_empty() { String::new() } else { format!("\nLeft out:\n\n{}\n", lines.join("\n")) }
    }

    /// The command that makes this run's part of the report again, from the repository's root.
    fn remake(&self) -> String {
        format!("cargo run --release -p pushbench -- report {}", self.link)
    }
}
