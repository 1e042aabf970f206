//! What is wrong with a scenario's or a target's file, with its place and what is allowed there.

use std::fmt;
use std::ops::Range;

/// A mistake in a scenario's or a target's file. It shows as several lines: what and where, the source line with a caret, the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub found: String,
    /// What is allowed, or what to do.
    pub help: Option<String>,
    source_line: String,
    /// How many characters are wrong.
    width: usize,
}

impl std::error::Error for ScenarioError {}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.found)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.source_line)?;
        write!(f, "{margin} | {}{}", " ".repeat(self.column - 1), "^".repeat(self.width))?;
        match &self.help {
            Some(help) => write!(f, "\n{margin} = {help}"),
            None => Ok(()),
        }
    }
}

/// A mistake before its place is worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) found: String,
    pub(crate) help: Option<String>,
}

impl Fault {
    pub(crate) fn new(span: Range<usize>, found: impl Into<String>) -> Self {
        Self { span, found: found.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn locate(self, file: &str, text: &str) -> ScenarioError {
        let start = floor_char_boundary(text, self.span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = floor_char_boundary(text, self.span.end).clamp(start, line_end.max(start));
        ScenarioError {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            found: self.found,
            help: self.help,
            source_line: text[line_start..line_end].trim_end().replace('\t', " "),
            width: text[start..end].chars().count().max(1),
        }
    }
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        Self::new(error.span().unwrap_or(0..0), error.message())
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// "did you mean `rate`? allowed are: …", with the question only when a word is near.
pub(crate) fn choices(found: &str, allowed: &[&str]) -> String {
    let list = allowed.join(", ");
    match nearest(found, allowed) {
        Some(word) => format!("did you mean `{word}`? allowed: {list}"),
        None => format!("allowed: {list}"),
    }
}

/// These names with commas between them, the one most like `found` first.
pub fn nearest_first<'n>(found: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by(|a, b| closeness(found, b).total_cmp(&closeness(found, a)));
    names.join(", ")
}

fn nearest<'a>(found: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let best = allowed.iter().copied().max_by(|a, b| closeness(found, a).total_cmp(&closeness(found, b)))?;
    // Below 0.7 the words of our files have nothing to do with each other ("rate" and "chat": 0.67).
    (closeness(found, best) >= 0.7).then_some(best)
}

fn closeness(found: &str, word: &str) -> f64 {
    strsim::jaro_winkler(&found.to_lowercase(), &word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_with_its_place_and_a_caret() {
        let text = "question = \"ö\"\n[events]\nrte = \"5/s\"\n";
        let start = text.find("rte").unwrap();
        let fault =
            Fault::new(start..start + 3, "`rte` is not a key of [events]").help(choices("rte", &["rate"]));
        assert_eq!(
            fault.locate("x.toml", text).to_string(),
            "x.toml:3:1: `rte` is not a key of [events]\n  |\n3 | rte = \"5/s\"\n  | ^^^\n  = did you mean `rate`? allowed: rate"
        );
    }

    #[test]
    fn any_span_has_a_place() {
        for (text, span) in [("", 0..0), ("", 5..9), ("ö", 1..2), ("a\nb", 0..3), ("a\n", 2..2)] {
            let error = Fault::new(span, "wrong").locate("x", text);
            assert!(error.line >= 1 && error.column >= 1 && error.width >= 1, "{error:?}");
        }
    }
}
