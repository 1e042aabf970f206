//! Instructions in user space, by valgrind's callgrind. It runs them one by one on a machine of its own making, so they are
//! counted exactly, some fifty times slower than they run otherwise; what the kernel does is not in it.

use std::path::Path;

use super::ByteCounts;

/// What stands before the program. Its own words go to a file beside the counts, since they are not the server's.
pub(super) fn arguments(counts: &Path) -> Vec<String> {
    vec![
        "--tool=callgrind".to_owned(),
        "--quiet".to_owned(),
        "--vgdb=no".to_owned(),
        format!("--log-file={}.log", counts.display()),
        format!("--callgrind-out-file={}", counts.display()),
    ]
}

/// Reads its file ("Callgrind Format Specification", `totals`): the instructions of all functions.
pub(super) fn read(text: &str) -> Option<ByteCounts> {
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let total = of("totals:").filter(|_| of("events:") == Some("Ir"))?.parse().ok()?;
    Some(ByteCounts { total, ..ByteCounts::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# callgrind format\nversion: 1\npid: 7\ncmd:  pushbench serve\npart: 1\n\n\
        positions: line\nevents: Ir\nsummary: 288000123\n\nfn=(1) main\n0 288000123\n\ntotals: 288000123\n";

    #[test]
    fn instructions_are_those_of_all_functions() {
        assert_eq!(read(FILE).map(|byte_counts| byte_counts.total), Some(288_000_123));
    }

    #[test]
    fn files_without_a_sum_or_of_other_events_are_not_read() {
        assert_eq!(read(&FILE.replace("totals", "totale")), None);
        assert_eq!(read(&FILE.replace("Ir", "Ir Dr Dw")), None);
        assert_eq!(read(""), None);
    }
}
