//! Puts generated text between a page's markers and leaves every other byte alone.

use thiserror::Error;

/// The line before the generated text.
pub(crate) const BEGIN: &str = "<!-- pushbench:begin page -->";
/// The line after it.
pub(crate) const END: &str = "<!-- pushbench:end page -->";

/// What is wrong with a page's markers. Lines count from 1.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MarkerError {
    /// There is no pair of markers.
    #[error("the generated text has no place: add the lines `{BEGIN}` and `{END}` where it belongs")]
    Missing,
    /// A marker has no partner, or there are two pairs.
    #[error(
        "line {0}: this marker is one too many: a page has one line `{BEGIN}`, and one line `{END}` below it"
    )]
    Extra(usize),
}

/// The page with `text` between its markers.
/// Fails when it does not have exactly one pair of markers.
pub(crate) fn replace(page: &str, text: &str) -> Result<String, MarkerError> {
    let mut markers =
        (1..).zip(page.split_inclusive('\n')).filter(|(_, line)| [BEGIN, END].contains(&line.trim()));
    let [Some((begin, first)), Some((end, last))] = [markers.next(), markers.next()] else {
        return Err(if page.lines().any(|line| [BEGIN, END].contains(&line.trim())) {
            MarkerError::Extra(
                1 + page.lines().take_while(|line| ![BEGIN, END].contains(&line.trim())).count(),
            )
        } else {
            MarkerError::Missing
        });
    };
    let extra = match (first.trim(), last.trim(), markers.next()) {
        (END, ..) => Some(begin),
        (_, BEGIN, _) => Some(end),
        (.., third) => third.map(|(line, _)| line),
    };
    if let Some(line) = extra {
        return Err(MarkerError::Extra(line));
    }
    let before: String = page.split_inclusive('\n').take(begin).collect();
    let after: String = page.split_inclusive('\n').skip(end - 1).collect();
    // Markdown reads a line right under an HTML comment as part of it, hence the empty lines.
    Ok(format!("{before}\n{}\n\n{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_outside_the_markers_stays_as_it_is() {
        let page = format!("before\r\n{BEGIN}\r\nold\r\n{END}\r\nafter");
        let replaced = replace(&page, "new\n").expect("markers are right");
        assert_eq!(replaced, format!("before\r\n{BEGIN}\r\n\nnew\n\n{END}\r\nafter"));
        assert_eq!(replace(&replaced, "new\n").as_ref(), Ok(&replaced), "twice changes nothing");
    }

    #[test]
    fn wrong_markers_are_named_with_their_line() {
        let [begin, end] = [BEGIN, END].map(|marker| format!("{marker}\n"));
        for (page, expected) in [
            ("text\n".to_owned(), MarkerError::Missing),
            (format!("text\n{begin}old\n"), MarkerError::Extra(2)),
            (format!("{end}{begin}"), MarkerError::Extra(1)),
            (format!("{begin}{begin}{end}"), MarkerError::Extra(2)),
            (format!("{begin}{end}{begin}{end}"), MarkerError::Extra(3)),
        ] {
            assert_eq!(replace(&page, "new"), Err(expected), "{page}");
        }
    }
}
