//! Puts generated sections between their markers and leaves every other byte alone.
//!
//! A marker is a line of its own: `<!-- pushbench:begin NAME -->` … `<!-- pushbench:end NAME -->`.

use thiserror::Error;

const BEGIN: &str = "<!-- pushbench:begin ";
const END: &str = "<!-- pushbench:end ";
const CLOSE: &str = " -->";

/// What is wrong with a report's markers. Lines count from 1.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MarkerError {
    /// A section has no place.
    #[error(
        "section {name} has no place: add the lines `{BEGIN}{name}{CLOSE}` and `{END}{name}{CLOSE}` where it belongs"
    )]
    Missing {
        /// The section.
        name: String,
    },
    /// A section has two places.
    #[error("line {line}: section {name} begins again, it began in line {first}: remove one of the two")]
    Duplicate {
        /// The section.
        name: String,
        /// Where it begins again.
        line: usize,
        /// Where it began.
        first: usize,
    },
    /// A section is never closed.
    #[error(
        "line {line}: section {name} is not closed: add the line `{END}{name}{CLOSE}` before any other marker"
    )]
    Unclosed {
        /// The section.
        name: String,
        /// Where it begins.
        line: usize,
    },
    /// An end without a start.
    #[error(
        "line {line}: section {name} ends and never began: add the line `{BEGIN}{name}{CLOSE}` or remove this one"
    )]
    StrayEnd {
        /// The section.
        name: String,
        /// Where it ends.
        line: usize,
    },
    /// A section that nobody generates.
    #[error("line {line}: there is no section {name}; there are {known}")]
    Unknown {
        /// The section.
        name: String,
        /// Where it begins.
        line: usize,
        /// Those that there are.
        known: String,
    },
}

/// A generated section.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its marker's name.
    pub name: &'static str,
    /// Its text, which ends with a line end.
    pub text: String,
}

enum Line<'a> {
    Begin(&'a str),
    End(&'a str),
    Text,
}

/// The text with every part in its place.
///
/// # Errors
///
/// When a part has no place or two, or when a start and an end do not meet.
pub(crate) fn replace_sections(text: &str, parts: &[Part]) -> Result<String, MarkerError> {
    let mut spliced = String::with_capacity(text.len());
    let mut placed: Vec<(&str, usize)> = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        match (classify(content), open) {
            (Line::Begin(name), None) => {
                let part = find(parts, name, line)?;
                refuse_second(&placed, name, line)?;
                placed.push((name, line));
                open = Some((name, line));
                push_begin(&mut spliced, content, part);
            }
            (Line::End(name), Some((opened, _))) if name == opened => {
                open = None;
                spliced.push_str(content);
            }
            (Line::Begin(_) | Line::End(_), Some((name, line))) => return Err(unclosed(name, line)),
            (Line::End(name), None) => return Err(MarkerError::StrayEnd { name: name.to_owned(), line }),
            (Line::Text, None) => spliced.push_str(content),
            (Line::Text, Some(_)) => {}
        }
    }
    if let Some((name, line)) = open {
        return Err(unclosed(name, line));
    }
    all_placed(parts, &placed)?;
    Ok(spliced)
}

fn classify(line: &str) -> Line<'_> {
    let line = line.trim();
    let named = |prefix| line.strip_prefix(prefix)?.strip_suffix(CLOSE);
    match (named(BEGIN), named(END)) {
        (Some(name), _) => Line::Begin(name),
        (None, Some(name)) => Line::End(name),
        (None, None) => Line::Text,
    }
}

fn find<'a>(parts: &'a [Part], name: &str, line: usize) -> Result<&'a Part, MarkerError> {
    parts.iter().find(|part| part.name == name).ok_or_else(|| MarkerError::Unknown {
        name: name.to_owned(),
        line,
        known: parts.iter().map(|part| part.name).collect::<Vec<_>>().join(", "),
    })
}

fn refuse_second(placed: &[(&str, usize)], name: &str, line: usize) -> Result<(), MarkerError> {
    match placed.iter().find(|(other, _)| *other == name) {
        Some((_, first)) => Err(MarkerError::Duplicate { name: name.to_owned(), line, first: *first }),
        None => Ok(()),
    }
}

// Markdown reads a line right under an HTML comment as part of it, hence the empty lines.
fn push_begin(spliced: &mut String, marker: &str, part: &Part) {
    spliced.push_str(marker);
    if !marker.ends_with('\n') {
        spliced.push('\n');
    }
    spliced.push('\n');
    spliced.push_str(part.text.trim_end());
    spliced.push_str("\n\n");
}

fn unclosed(name: &str, line: usize) -> MarkerError {
    MarkerError::Unclosed { name: name.to_owned(), line }
}

fn all_placed(parts: &[Part], placed: &[(&str, usize)]) -> Result<(), MarkerError> {
    match parts.iter().find(|part| placed.iter().all(|(name, _)| *name != part.name)) {
        Some(part) => Err(MarkerError::Missing { name: part.name.to_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "before\n<!-- pushbench:begin a -->\nold\n<!-- pushbench:end a -->\nafter";

    fn part(name: &'static str) -> Part {
        Part { name, text: "new\n".to_owned() }
    }

    #[test]
    fn text_outside_the_markers_stays_as_it_is() {
        let expected = "before\n<!-- pushbench:begin a -->\n\nnew\n\n<!-- pushbench:end a -->\nafter";
        assert_eq!(replace_sections(PAGE, &[part("a")]).as_deref(), Ok(expected));
    }

    #[test]
    fn splicing_twice_changes_nothing() {
        let once = replace_sections(PAGE, &[part("a")]).expect("markers are whole");
        assert_eq!(replace_sections(&once, &[part("a")]), Ok(once.clone()));
    }

    #[test]
    fn windows_line_ends_outside_survive() {
        let page = PAGE.replace('\n', "\r\n");
        let spliced = replace_sections(&page, &[part("a")]).expect("markers are whole");
        assert!(spliced.starts_with("before\r\n") && spliced.ends_with("a -->\r\nafter"));
    }

    #[test]
    fn missing_section_is_named_with_the_lines_to_add() {
        let error = replace_sections(PAGE, &[part("a"), part("b")]).expect_err("b has no place");
        assert_eq!(error, MarkerError::Missing { name: "b".to_owned() });
        assert!(error.to_string().contains("`<!-- pushbench:begin b -->`"), "{error}");
    }

    #[test]
    fn duplicate_section_is_named_with_both_lines() {
        let page = format!("{PAGE}\n{PAGE}");
        let expected = MarkerError::Duplicate { name: "a".to_owned(), line: 7, first: 2 };
        assert_eq!(replace_sections(&page, &[part("a")]), Err(expected));
    }

    #[test]
    fn unclosed_section_is_named_with_its_line() {
        let expected = Err(MarkerError::Unclosed { name: "a".to_owned(), line: 2 });
        let cut = PAGE.replace("<!-- pushbench:end a -->\n", "");
        assert_eq!(replace_sections(&cut, &[part("a")]), expected);
        let crossed = PAGE.replace("end a", "end b");
        assert_eq!(replace_sections(&crossed, &[part("a"), part("b")]), expected);
    }

    #[test]
    fn stray_end_and_unknown_section_are_named() {
        let stray = replace_sections("<!-- pushbench:end a -->\n", &[part("a")]);
        assert_eq!(stray, Err(MarkerError::StrayEnd { name: "a".to_owned(), line: 1 }));
        let unknown = replace_sections(PAGE, &[part("b")]).expect_err("nobody generates a");
        assert_eq!(unknown.to_string(), "line 2: there is no section a; there are b");
    }
}
