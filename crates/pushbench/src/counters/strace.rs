//! System calls, by strace. It stops the server at each of them, which takes some microseconds and changes none of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::ByteCounts;

/// What stands before the program: all threads, a sum for each name at the end, in columns without gaps.
pub(super) fn arguments(counts: &Path) -> Vec<String> {
    ["-f", "-qq", "-c", "-U", "calls,name", "-o"]
        .map(str::to_owned)
        .into_iter()
        .chain([counts.display().to_string(), "--".to_owned()])
        .collect()
}

/// Reads its table: lines of a count and a name, and the sum of all as `total`.
pub(super) fn read(text: &str) -> Option<ByteCounts> {
    let mut by_name: BTreeMap<String, u64> = text
        .lines()
        .filter_map(|line| {
            let (count, name) = line.trim().split_once(char::is_whitespace)?;
            Some((name.trim().to_owned(), count.parse().ok()?))
        })
        .collect();
    let total = by_name.remove("total")?;
    (by_name.values().sum::<u64>() == total).then_some(ByteCounts { total, by_name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "    calls syscall\n--------- ----------------\n       13 epoll_wait\n        2 read\n\
        --------- ----------------\n       15 total\n";

    #[test]
    fn calls_are_read_by_name() {
        let byte_counts = read(TABLE).expect("it is whole");
        assert_eq!(
            (byte_counts.total, byte_counts.by_name["epoll_wait"], byte_counts.by_name["read"]),
            (15, 13, 2)
        );
        assert_eq!(byte_counts.by_name.len(), 2);
    }

    #[test]
    fn tables_that_are_cut_off_are_not_read() {
        assert_eq!(read(&TABLE.replace("       15 total\n", "")), None);
        assert_eq!(read(&TABLE.replace("        2 read\n", "")), None);
        assert_eq!(read(""), None);
    }
}
