//! Numbers for people: three significant digits, one unit for a figure and its interval.

use crate::statistics::{Estimate, Shown};

/// What stands where there is nothing to show.
pub(crate) const NOTHING: &str = "–";

/// Three significant digits; whole numbers from 100 on, with thousands apart.
pub(crate) fn significant(number: f64) -> String {
    let decimals = match number.abs() {
        0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    thousands(format!("{number:.decimals$}"))
}

/// As short as the number allows: no digits that say nothing.
pub(crate) fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    thousands(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// A whole number, with thousands apart.
pub(crate) fn whole(number: u64) -> String {
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
pub(crate) struct Scale {
    pub name: &'static str,
    pub size: f64,
}

/// The scale for a time of so many nanoseconds.
pub(crate) fn time_scale(ns: f64) -> Scale {
    match ns.abs() {
        ns if ns >= 999.5e6 => Scale { name: "s", size: 1e9 },
        ns if ns >= 999.5e3 => Scale { name: "ms", size: 1e6 },
        ns if ns >= 999.5 || ns == 0.0 => Scale { name: "µs", size: 1e3 },
        _ => Scale { name: "ns", size: 1.0 },
    }
}

/// A time without useless digits: `250 ms`, `1.4 s`.
pub(crate) fn duration(ns: f64) -> String {
    let scale = time_scale(ns);
    format!("{} {}", plain(ns / scale.size), scale.name)
}

/// A measured time, three significant digits.
pub(crate) fn time(ns: f64) -> String {
    let scale = time_scale(ns);
    format!("{} {}", significant(ns / scale.size), scale.name)
}

/// A size in bytes without useless digits: `100 B`, `16 KiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    const STEPS: [(&str, f64); 3] = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1_024.0)];
    match STEPS.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{} {unit}", plain((bytes / size * 10.0).round() / 10.0)),
        None => format!("{} B", plain(bytes)),
    }
}

/// A figure in this scale, and its interval in brackets.
pub(crate) fn estimate_in(scale: Scale, estimate: Estimate) -> String {
    let show = |number: f64| significant(number / scale.size);
    let unit = if scale.name.is_empty() { String::new() } else { format!(" {}", scale.name) };
    let value = show(estimate.value);
    match estimate.interval {
        None => format!("{value}{unit}"),
        Some(interval) if show(interval.low) == value && show(interval.high) == value => {
            format!("{value}{unit}")
        }
        Some(interval) if interval.high.is_finite() => {
            format!("{value}{unit} [{}–{}]", show(interval.low), show(interval.high))
        }
        Some(interval) => format!("{value}{unit} [{}–∞]", show(interval.low)),
    }
}

/// A figure without unit.
pub(crate) fn estimate(estimate: Estimate) -> String {
    estimate_in(Scale { name: "", size: 1.0 }, estimate)
}

/// A measured time and its interval.
pub(crate) fn time_estimate(estimate: Estimate) -> String {
    estimate_in(time_scale(estimate.value), estimate)
}

/// A quantile, or why there is none.
pub(crate) fn shown(shown: Shown) -> String {
    match shown {
        Shown::At(estimate) => time_estimate(estimate),
        Shown::TooFew => NOTHING.to_owned(),
        Shown::Missing => "missing".to_owned(),
    }
}

/// A figure that may not be there.
pub(crate) fn optional<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Interval;

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
        let interval = |low, high| Some(Interval { low, high });
        let wide = Estimate { value: 950e3, interval: interval(900e3, 1_100e3) };
        assert_eq!(time_estimate(wide), "950 µs [900–1100]");
        let narrow = Estimate { value: 950e3, interval: interval(950.1e3, 950.2e3) };
        assert_eq!(time_estimate(narrow), "950 µs");
        let open = Estimate { value: 950e3, interval: interval(900e3, f64::INFINITY) };
        assert_eq!(time_estimate(open), "950 µs [900–∞]");
    }
}
