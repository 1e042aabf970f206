//! A published figure as it was found here, and what may keep it from telling.

use crate::statistics::Estimate;

/// A figure as it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub estimate: Estimate,
    pub side: Side,
    /// Whether chance has a part in it, so that only an interval tells.
    pub varies: bool,
    /// Why it tells nothing, whatever its interval says.
    pub unclear: Option<Unclear>,
}

/// Why a figure does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unclear {
    /// Its interval does not lie on one side.
    BothSides,
    /// It is a bound, and what was asked lies beyond.
    OneSided,
    TooFewTrials,
    /// Of loads that are shares of one.
    LowerBound,
    /// By a search.
    NothingPassed,
}

impl Unclear {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::BothSides => "what was measured lies on both sides",
            Self::OneSided => "what was measured is a bound, and may lie on either side",
            Self::TooFewTrials => "there are too few trials",
            Self::LowerBound => {
                "the load is a share of a capacity that may be higher, since the server was not the bottleneck"
            }
            Self::NothingPassed => "in some repetitions no rate passed at all",
        }
    }
}

/// What a found figure is of the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Exact,
    /// It is at least this.
    Least,
    /// It is at most this.
    Most,
}

impl Side {
    /// Of a quotient; none where nothing can be said of it.
    pub(super) fn over(self, other: Self) -> Option<Self> {
        match (self, other) {
            (side, Self::Exact) => Some(side),
            (Self::Exact | Self::Least, Self::Most) => Some(Self::Least),
            (Self::Exact | Self::Most, Self::Least) => Some(Self::Most),
            (Self::Least, Self::Least) | (Self::Most, Self::Most) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Side;

    #[test]
    fn quotient_of_two_lower_bounds_says_nothing() {
        assert_eq!(Side::Least.over(Side::Least), None);
        assert_eq!(Side::Exact.over(Side::Least), Some(Side::Most));
        assert_eq!(Side::Least.over(Side::Exact), Some(Side::Least));
    }
}
