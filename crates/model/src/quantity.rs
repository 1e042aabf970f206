//! Quantities with units, as people write them: `20ms`, `1.4s`, `200 B`, `16 KiB`, `100/s`, `30/min`, and back.
//!
//! A bare number is refused, with the unit to add: what a number means must stand in the file. What is shown can be
//! read again.

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("`{text}` does not begin with a number; write {example}")]
    NoNumber { text: String, example: &'static str },
    #[error("`{text}` has no unit; write \"{text}{unit}\"")]
    NoUnit {
        text: String,
        /// The unit that most likely was meant.
        unit: &'static str,
    },
    #[error("`{unit}` is not a unit here; the units are {allowed}")]
    UnknownUnit { unit: String, allowed: String },
    #[error("`{text}` is out of range; it must be at least 0 and at most {largest}")]
    OutOfRange { text: String, largest: &'static str },
}

/// A kind of quantity: its units with their factors, the common one first.
struct Kind {
    units: &'static [(&'static str, f64)],
    example: &'static str,
    largest: f64,
    largest_text: &'static str,
}

const DURATION: Kind = Kind {
    units: &[("s", 1e9), ("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1.0), ("min", 60e9), ("h", 3600e9)],
    example: "\"20ms\" or \"1.4s\"",
    largest: 24.0 * 3600e9,
    largest_text: "24h",
};

const SIZE: Kind = Kind {
    units: &[("B", 1.0), ("kB", 1e3), ("KiB", 1024.0), ("MB", 1e6), ("MiB", 1024.0 * 1024.0)],
    example: "\"200 B\" or \"16 KiB\"",
    largest: 1024.0 * 1024.0 * 1024.0,
    largest_text: "1024 MiB",
};

const RATE: Kind = Kind {
    units: &[("/s", 1.0), ("/min", 1.0 / 60.0), ("/h", 1.0 / 3600.0)],
    example: "\"100/s\" or \"30/min\"",
    largest: 10e6,
    largest_text: "10000000/s",
};

/// Reads a duration, in nanoseconds.
/// Fails when it is not a number with a unit of time between 0 and a day.
pub fn duration_ns(text: &str) -> Result<u64, QuantityError> {
    DURATION.parse(text).map(|ns| ns.round() as u64)
}

/// Reads a size, in bytes.
/// Fails when it is not a number with a unit of bytes between 0 and 1 GiB.
pub fn size_bytes(text: &str) -> Result<u32, QuantityError> {
    SIZE.parse(text).map(|bytes| bytes.round() as u32)
}

/// Reads a rate, per second.
/// Fails when it is not a number with a unit of rate between 0 and ten million a second.
pub fn rate_per_s(text: &str) -> Result<f64, QuantityError> {
    RATE.parse(text)
}

/// A duration for people, at most three digits after the point: `20 ms`, `1.4 s`, `4 min 10 s`.
pub fn show_duration(ns: u64) -> String {
    if ns >= 60_000_000_000 {
        let seconds = (ns + 500_000_000) / 1_000_000_000;
        return match (seconds / 60, seconds % 60) {
            (minutes, 0) => format!("{minutes} min"),
            (minutes, rest) => format!("{minutes} min {rest} s"),
        };
    }
    let (unit, factor) = [("s", 1e9), ("ms", 1e6), ("µs", 1e3)]
        .into_iter()
        .find(|&(_, factor)| ns as f64 >= factor)
        .unwrap_or(("ns", 1.0));
    format!("{} {unit}", trimmed(ns as f64 / factor))
}

/// A size for people: `200 B`, `16 KiB`.
pub fn show_size(bytes: u64) -> String {
    match bytes {
        0 => "0 B".to_owned(),
        _ if bytes.is_multiple_of(1024 * 1024) => format!("{} MiB", bytes / (1024 * 1024)),
        _ if bytes.is_multiple_of(1024) => format!("{} KiB", bytes / 1024),
        _ => format!("{bytes} B"),
    }
}

/// A rate for people: `100/s`, `30/min`.
pub fn show_rate(per_s: f64) -> String {
    let per_min = per_s * 60.0;
    if per_s < 1.0 && per_s > 0.0 && (per_min - per_min.round()).abs() < 1e-9 {
        return format!("{}/min", per_min.round());
    }
    format!("{}/s", trimmed(per_s))
}

/// A share of one for people: `125%`.
pub fn show_share(share: f64) -> String {
    format!("{}%", trimmed(share * 100.0))
}

impl Kind {
    fn parse(&self, text: &str) -> Result<f64, QuantityError> {
        let text = text.trim();
        let digits = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+')).unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        let number: f64 = number
            .parse()
            .map_err(|_| QuantityError::NoNumber { text: text.to_owned(), example: self.example })?;
        if unit.is_empty() {
            return Err(QuantityError::NoUnit { text: text.to_owned(), unit: self.units[0].0 });
        }
        let value = number * self.factor(unit)?;
        if !(0.0..=self.largest).contains(&value) || number.is_sign_negative() {
            return Err(QuantityError::OutOfRange { text: text.to_owned(), largest: self.largest_text });
        }
        Ok(value)
    }

    fn factor(&self, unit: &str) -> Result<f64, QuantityError> {
        self.units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor).ok_or_else(|| {
            QuantityError::UnknownUnit {
                unit: unit.to_owned(),
                allowed: self.units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
            }
        })
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, ns) in [
            ("20ms", 20_000_000),
            ("1.4s", 1_400_000_000),
            ("250us", 250_000),
            ("250 µs", 250_000),
            ("2min", 120_000_000_000),
            ("0s", 0),
            ("7ns", 7),
        ] {
            assert_eq!(duration_ns(text), Ok(ns), "{text}");
        }
    }

    #[test]
    fn sizes_and_rates_are_read() {
        assert_eq!(size_bytes("200 B"), Ok(200));
        assert_eq!(size_bytes("16 KiB"), Ok(16_384));
        assert_eq!(size_bytes("1 kB"), Ok(1_000));
        assert_eq!(rate_per_s("100/s"), Ok(100.0));
        assert_eq!(rate_per_s("0.5/s"), Ok(0.5));
        assert_eq!(rate_per_s("30/min"), Ok(0.5));
    }

    #[test]
    fn a_bare_number_is_refused_with_the_unit_to_add() {
        assert_eq!(duration_ns("5").unwrap_err().to_string(), "`5` has no unit; write \"5s\"");
        assert_eq!(size_bytes("5").unwrap_err().to_string(), "`5` has no unit; write \"5B\"");
        assert_eq!(rate_per_s("5").unwrap_err().to_string(), "`5` has no unit; write \"5/s\"");
    }

    #[test]
    fn what_is_no_quantity_is_refused_by_name() {
        assert_eq!(
            duration_ns("5 parsecs").unwrap_err().to_string(),
            "`parsecs` is not a unit here; the units are s, ms, us, µs, ns, min, h"
        );
        assert!(matches!(duration_ns("soon"), Err(QuantityError::NoNumber { .. })));
        assert!(matches!(duration_ns("1.2.3s"), Err(QuantityError::NoNumber { .. })));
        assert!(matches!(duration_ns("-5s"), Err(QuantityError::OutOfRange { .. })));
        assert!(matches!(duration_ns("-0s"), Err(QuantityError::OutOfRange { .. })));
        assert!(matches!(duration_ns("25h"), Err(QuantityError::OutOfRange { .. })));
        assert!(matches!(size_bytes("2000 MiB"), Err(QuantityError::OutOfRange { .. })));
        assert!(matches!(rate_per_s("-1/s"), Err(QuantityError::OutOfRange { .. })));
        assert!(matches!(rate_per_s(""), Err(QuantityError::NoNumber { .. })));
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for ns in [0, 7, 250_000, 20_000_000, 1_400_000_000, 120_000_000_000] {
            assert_eq!(duration_ns(&show_duration(ns)), Ok(ns), "{}", show_duration(ns));
        }
        for bytes in [0, 1, 200, 1_000, 16_384, 1024 * 1024] {
            assert_eq!(size_bytes(&show_size(u64::from(bytes))), Ok(bytes));
        }
        for rate in [0.0, 0.5, 1.0, 100.0, 62.5] {
            assert_eq!(rate_per_s(&show_rate(rate)), Ok(rate));
        }
        assert_eq!(show_duration(250_000_000_000), "4 min 10 s");
        assert_eq!([0.5, 1.25, 0.001].map(show_share), ["50%", "125%", "0.1%"]);
    }
}
