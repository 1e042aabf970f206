//! The generated parts of the report, as Markdown.

mod answers;
mod browsers;
mod claims;
mod closings;
mod connections;
mod counters;
mod crossings;
mod doubts;
mod floor;
mod frontier;
mod glance;
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
mod sluggards;
mod storms;
mod theory;
mod timeline;
mod topic;
mod transport_cost;

use std::path::{Component, Path, PathBuf};

use crate::charts::Figure;
use crate::splice::Part;
use crate::statistics::Study;

/// A run with its charts, as the sections see it.
pub(crate) struct Chapter<'a> {
    study: &'a Study<'a>,
    figures: &'a [Figure],
    /// The run's folder as the report links to it.
    link: String,
    /// What tells this run's anchors from those of others; empty when there is only one.
    suffix: String,
}

type Section = fn(&Chapter<'_>) -> String;

/// Every section with its marker's name, in the order of the template.
const SECTIONS: &[(&str, Section)] = &[
    ("at-a-glance", glance::section),
    ("frontier", frontier::section),
    ("claims", claims::section),
    ("machine", machine::section),
    ("floor", floor::section),
    ("answers", answers::section),
    ("saturation", saturation::section),
    ("overload", overload::section),
    ("connections", connections::section),
    ("storms", storms::section),
    ("sluggards", sluggards::section),
    ("counters", counters::section),
    ("other-servers", other_servers::section),
    ("browsers", browsers::section),
    ("closings", closings::section),
    ("observer", observer::section),
    ("theory", theory::section),
    ("literature", published::section),
    ("timelines", timeline::section),
    ("not-measured", doubts::not_measured),
    ("warnings", doubts::warnings),
];

/// All sections. `home` is the folder that the report lies in.
pub(crate) fn generate(studies: &[Study<'_>], figures: &[Vec<Figure>], home: &Path) -> Vec<Part> {
    let several = studies.len() > 1;
    let chapters: Vec<Chapter<'_>> = studies
        .iter()
        .zip(figures)
        .map(|(study, figures)| Chapter {
            study,
            figures,
            link: relative(home, &study.run.dir),
            suffix: if several { format!("-{}", study.run.name) } else { String::new() },
        })
        .collect();
    SECTIONS.iter().map(|(name, section)| Part { name, text: text(&chapters, *section) }).collect()
}

fn text(chapters: &[Chapter<'_>], section: Section) -> String {
    let texts = chapters.iter().map(|chapter| {
        let heading = if chapter.suffix.is_empty() {
            String::new()
        } else {
            format!("### Run {}\n\n", chapter.study.run.name)
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
        markdown::inline(&self.study.technique(order).label)
    }

    /// What of a kind was left out of the run, by name and with the reason; nothing when nothing was.
    fn left_out(&self, kinds: &[&str]) -> String {
        let skipped = self.study.run.manifest.skipped.iter();
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
