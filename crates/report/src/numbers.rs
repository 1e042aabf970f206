//! Numbers for people: three significant digits, one unit for a figure and its interval.

use crate::catalogue::Unit;
use crate::estimate::Estimate;

/// What stands where there is nothing to show.
pub const NOTHING: &str = "–";

/// Three significant digits; whole numbers from 100 on, with thousands apart.
pub fn significant(number: f64) -> String {
    let decimals = match number.abs() {
        0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    thousands(format!("{number:.decimals$}"))
}

fn three_digits(number: f64) -> f64 {
    let step = 10_f64.powf((number.abs().max(1.0).log10()).floor() - 2.0).max(1e-3);
    (number / step).round() * step
}

/// As short as the number allows: no digits that say nothing.
pub fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    thousands(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// A whole number, with thousands apart.
pub fn whole(number: u64) -> String {
    thousands(number.to_string())
}

fn thousands(text: String) -> String {
    let (digits, rest) = text.find('.').map_or((text.as_str(), ""), |dot| text.split_at(dot));
    if digits.trim_start_matches('-').len() < 5 {
        return text;
    }
    let mut apart = String::with_capacity(text.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 && !apart.ends_with('-') {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + rest
}

/// A unit and its size in the base unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    pub name: &'static str,
    /// Its size in the base unit.
    pub size: f64,
}

/// The scale for a time of so many nanoseconds.
pub fn time_scale(ns: f64) -> Scale {
    match ns.abs() {
        ns if ns >= 999.5e6 => Scale { name: "s", size: 1e9 },
        ns if ns >= 999.5e3 => Scale { name: "ms", size: 1e6 },
        ns if ns >= 999.5 || ns == 0.0 => Scale { name: "µs", size: 1e3 },
        _ => Scale { name: "ns", size: 1.0 },
    }
}

/// A time without useless digits: `250 ms`, `1.4 s`.
pub fn duration(ns: f64) -> String {
    let scale = time_scale(ns);
    format!("{} {}", plain(ns / scale.size), scale.name)
}

/// A measured time, three significant digits.
pub fn time(ns: f64) -> String {
    let scale = time_scale(ns);
    format!("{} {}", significant(ns / scale.size), scale.name)
}

/// A size in bytes without useless digits: `100 B`, `16 KiB`.
pub fn bytes(bytes: f64) -> String {
    const STEPS: [(&str, f64); 3] = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1_024.0)];
    match STEPS.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{} {unit}", plain((bytes / size * 10.0).round() / 10.0)),
        None => format!("{} B", plain(bytes)),
    }
}

/// The scale in which a figure of this unit is shown.
pub fn scale(unit: Unit, value: f64) -> Scale {
    match unit {
        Unit::Time => time_scale(value),
        Unit::Bytes if value.abs() >= 10_239_488.0 => Scale { name: "MiB", size: 1_048_576.0 },
        Unit::Bytes if value.abs() >= 9_999.5 => Scale { name: "KiB", size: 1_024.0 },
        Unit::Bytes => Scale { name: "B", size: 1.0 },
        Unit::Rate => Scale { name: "/s", size: 1.0 },
        Unit::Number => Scale { name: "", size: 1.0 },
    }
}

/// A figure with its interval in brackets, in the unit that fits: `950 µs [900–1,100]`.
pub fn show(unit: Unit, estimate: Estimate) -> String {
    let scale = scale(unit, estimate.value);
    let number = |number: f64| match unit {
        // Millions of deliveries are not known to the last one.
        Unit::Rate => significant(three_digits(number)),
        _ => significant(number / scale.size),
    };
    let value = number(estimate.value);
    let unit = match scale.name {
        "" | "/s" => scale.name.to_owned(),
        name => format!(" {name}"),
    };
    match estimate.interval.map(|ends| ends.map(number)) {
        Some([low, high]) if low != value || high != value => format!("{value}{unit} [{low}–{high}]"),
        _ => format!("{value}{unit}"),
    }
}

/// A ratio with its interval in brackets: `1.20 × [1.17–1.24]`.
pub fn show_ratio(estimate: Estimate) -> String {
    let text = show(Unit::Number, estimate);
    let (value, interval) = text
        .split_once(' ')
        .map_or((text.as_str(), String::new()), |(value, rest)| (value, format!(" {rest}")));
    format!("{value} ×{interval}")
}

/// A swept value without useless digits: `250 ms`, `16 KiB`, `50/s`.
pub fn show_setting(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Time => duration(value),
        Unit::Bytes => bytes(value),
        Unit::Rate => format!("{}/s", plain(value)),
        Unit::Number => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_kept_whatever_the_size() {
        let shown = [0.0, 0.0426, 1.234, 12.34, 99.96, 123.4, 12_345.6].map(significant);
        assert_eq!(shown, ["0", "0.043", "1.23", "12.3", "100", "123", "12,346"]);
    }

    #[test]
    fn times_and_sizes_take_the_unit_that_fits() {
        assert_eq!([0.0, 41_300.0, 999_600.0, 1.4e9].map(time), ["0 µs", "41.3 µs", "1.00 ms", "1.40 s"]);
        assert_eq!([1e7, 5e9].map(duration), ["10 ms", "5 s"]);
        assert_eq!([200.0, 1_024.0, 1_536.0].map(bytes), ["200 B", "1 KiB", "1.5 KiB"]);
    }

    #[test]
    fn interval_shares_the_unit_of_its_figure() {
        let estimate = |interval| Estimate { value: 950e3, interval: Some(interval), trials: 3, runs: 1 };
        assert_eq!(show(Unit::Time, estimate([900e3, 1_100e3])), "950 µs [900–1100]");
        assert_eq!(show(Unit::Time, estimate([950.1e3, 950.2e3])), "950 µs");
        assert_eq!(show(Unit::Rate, Estimate { value: 12.0, interval: None, trials: 1, runs: 1 }), "12.0/s");
        assert_eq!(
            show(Unit::Bytes, Estimate { value: 20_480.0, interval: None, trials: 1, runs: 1 }),
            "20.0 KiB"
        );
    }
}
