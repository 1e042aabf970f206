//! `pushbench list`: the techniques, and the scenarios with their questions.

use std::fmt::Write as _;
use std::process::ExitCode;

use model::scenario::{Extent, Runs, Scenario};

use super::print;
use crate::cli::List;
use crate::{project, registry};

pub(super) fn list(arguments: &List) -> anyhow::Result<ExitCode> {
    let text = if arguments.techniques {
        registry::slugs().join("\n") + "\n"
    } else if arguments.scenarios {
        project::all_scenarios(Extent::Full)?.iter().map(|scenario| format!("{}\n", scenario.name)).collect()
    } else {
        described(&project::all_scenarios(Extent::Full)?)
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn described(scenarios: &[Scenario]) -> String {
    let mut text = "Techniques\n".to_owned();
    for technique in &registry::TECHNIQUES {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {:<22}  {}", technique.slug, technique.about);
    }
    text.push_str("\nScenarios\n");
    for scenario in scenarios {
        let only = match scenario.runs {
            Runs::ByDefault => "",
            Runs::Capacity => " (with --capacity)",
            Runs::WhenNamed => " (only when named)",
        };
        let _ = writeln!(text, "  {:<22}  {}{only}", scenario.name, scenario.question);
    }
    text
}
