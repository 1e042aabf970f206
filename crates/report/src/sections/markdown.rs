//! Markdown's small change: tables, and text that was written by others.

/// A table: so many columns of words, which read from the left, and then numbers, which stand to the right.
pub(super) fn table(words: usize, head: &[String], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule: String = (0..head.len()).map(|column| if column < words { "|---" } else { "|--:" }).collect();
    let rows: String = rows.into_iter().map(|row| line(&row)).collect();
    format!("{}{rule}|\n{rows}", line(head))
}

/// A table all of whose columns hold words.
pub(super) fn word_table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    table(head.len(), &head, rows)
}

/// A file's text as it is: its fence is longer than any within.
pub(super) fn block(language: &str, text: &str) -> String {
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// Text from a file as part of a line: it opens no cell, no tag and no new line.
pub(super) fn inline(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('|', "\\|")
}

/// A heading's anchor-safe form of a name.
pub(super) fn anchor(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_in_its_cell() {
        assert_eq!(inline("a | b\n<script>"), "a \\| b &lt;script&gt;");
    }

    #[test]
    fn fence_is_longer_than_those_inside() {
        assert_eq!(block("toml", "a = 1\n"), "```toml\na = 1\n```\n");
        assert_eq!(block("", "```\nx\n```"), "````\n```\nx\n```\n````\n");
    }

    #[test]
    fn table_has_a_rule_under_its_head() {
        let text = table(1, &["a".to_owned(), "b".to_owned()], [vec!["1".to_owned(), "2".to_owned()]]);
        assert_eq!(text, "| a | b |\n|---|--:|\n| 1 | 2 |\n");
    }
}
