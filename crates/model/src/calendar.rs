//! The date of a wall-clock time, in UTC.

use time::OffsetDateTime;

/// `YYYY-MM-DD` of so many seconds after 1970.
pub fn date(unix_s: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(unix_s.cast_signed());
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_s, wanted) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_735_689_599, "2024-12-31"),
            (1_795_305_600, "2026-11-22"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(unix_s), wanted);
        }
    }
}
