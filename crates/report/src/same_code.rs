//! Which of pushbench's own code measures alike: `results/same-code.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The name under which a manifest's libraries have the digest of pushbench's own code that runs while a trial measures.
const OWN: &str = "own code";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    same: Vec<Same>,
}

/// Newer code, and older code that measures like it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Same {
    code: String,
    #[serde(rename = "as")]
    older: String,
    /// What was run to show it, and what it found. For readers.
    #[serde(rename = "shown")]
    _shown: String,
}

static OLDER: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| parse(include_str!("../../../results/same-code.toml")).unwrap_or_default());

fn parse(text: &str) -> Result<BTreeMap<String, String>, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    Ok(file.same.into_iter().map(|same| (same.code, same.older)).collect())
}

/// Whether both are the same versions of the libraries, and own code that measures alike.
pub(crate) fn is_same(libraries: &BTreeMap<String, String>, others: &BTreeMap<String, String>) -> bool {
    let is_same = |(name, version): (&String, &String)| {
        let other = others.get(name)?;
        Some(if name == OWN { oldest(version, &OLDER) == oldest(other, &OLDER) } else { version == other })
    };
    libraries.len() == others.len() && libraries.iter().all(|library| is_same(library) == Some(true))
}

fn oldest<'a>(code: &'a str, older: &'a BTreeMap<String, String>) -> &'a str {
    // As many steps as there are entries, in case that they form a circle.
    let step = |code: &'a str, _| older.get(code).map_or(code, String::as_str);
    (0..older.len()).fold(code, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_each_code_once_and_compares_it_with_the_first() {
        let file: File = toml::from_str(include_str!("../../../results/same-code.toml")).unwrap();
        let older = parse(include_str!("../../../results/same-code.toml")).unwrap();
        assert_eq!(older.len(), file.same.len());
        // Along a chain, small differences would add up.
        assert!(file.same.iter().all(|same| !older.contains_key(&same.older)));
    }

    #[test]
    fn code_that_measures_alike_has_one_name() {
        let entry = |code, older| format!("[[same]]\ncode = \"{code}\"\nas = \"{older}\"\nshown = \"-\"\n");
        let older = parse(&(entry("b", "a") + &entry("c", "b"))).unwrap();
        assert_eq!(["a", "b", "c", "d"].map(|code| oldest(code, &older)), ["a", "a", "a", "d"]);
    }
}
