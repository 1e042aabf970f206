//! Which quantiles are shown, and when a sample can bound one.

/// A quantile, named by its upper tail: one value in this many lies above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quantile {
    one_in: f64,
}

/// A quantile is shown when at least this many values lie above it.
///
/// With *n* independent values the distribution-free upper 97.5 % limit of quantile *q* exists when 1 − qⁿ ≥ 0.975, that
/// is with 3.7 values in the tail (David & Nagaraja, *Order Statistics*, 3rd ed., §7.1). Deliveries are not independent:
/// subscribers of one channel receive the same event and a scheduling delay hits neighbours. Hence ten.
pub(crate) const LEAST_IN_TAIL: f64 = 10.0;

impl Quantile {
    pub(crate) const P50: Self = Self { one_in: 2.0 };
    pub(crate) const P90: Self = Self { one_in: 10.0 };
    pub(crate) const P99: Self = Self { one_in: 100.0 };
    pub(crate) const P99_9: Self = Self { one_in: 1_000.0 };

    /// Those that tables show, ascending.
    pub(crate) const SHOWN: [Self; 4] = [Self::P50, Self::P90, Self::P99, Self::P99_9];

    /// The quantile above which one value in `one_in` lies; `one_in` is at least 1.
    pub(crate) fn one_in(one_in: f64) -> Self {
        Self { one_in: one_in.max(1.0) }
    }

    /// 0–1.
    pub(crate) fn share(self) -> f64 {
        1.0 - 1.0 / self.one_in
    }

    /// `p50` … `p99.9`.
    pub(crate) fn label(self) -> String {
        // 1 − 1/1000 is not exact; a thousandth of a per cent is more than any of them needs.
        format!("p{}", (self.share() * 100_000.0).round() / 1_000.0)
    }

    /// Which value of `total` in ascending order, from 1; 0 when there is none. Whole tails are exact, where
    /// ⌈q·n⌉ in floating point is not.
    pub(crate) fn rank(self, total: u64) -> u64 {
        let above = (total as f64 / self.one_in).floor() as u64;
        if total == 0 { 0 } else { (total - above).max(1) }
    }

    /// Whether a sample of `total` values can bound it.
    pub(crate) fn is_bounded_by(self, total: u64) -> bool {
        total as f64 >= LEAST_IN_TAIL * self.one_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousand_values_bound_p99_and_not_p99_9() {
        assert!(Quantile::P99.is_bounded_by(1_000));
        assert!(!Quantile::P99.is_bounded_by(999));
        assert!(!Quantile::P99_9.is_bounded_by(1_000));
        assert!(Quantile::P99_9.is_bounded_by(10_000));
    }

    #[test]
    fn ranks_are_those_of_the_inverse_distribution_function() {
        assert_eq!(Quantile::P50.rank(10), 5);
        assert_eq!(Quantile::P90.rank(10), 9);
        assert_eq!(Quantile::P99.rank(10), 10);
        assert_eq!(Quantile::P50.rank(1), 1);
        assert_eq!(Quantile::P50.rank(0), 0);
    }

    #[test]
    fn labels_are_those_that_people_use() {
        assert_eq!(Quantile::SHOWN.map(Quantile::label), ["p50", "p90", "p99", "p99.9"]);
    }
}
