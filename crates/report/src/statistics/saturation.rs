//! Saturation throughput: the highest offered rate that a technique keeps up with.

use super::bootstrap::Estimate;
use super::figures::Figures;
use super::quantile::Quantile;
use super::row::Row;
use super::{Answer, Shown, Subject};

/// How far up a sweep of rates one technique comes.
#[derive(Debug)]
pub(crate) struct Saturation<'r> {
    /// The technique's place in the registry.
    pub technique: usize,
    /// The highest rate that it kept up with; none when it kept up with none.
    pub kept: Option<Kept<'r>>,
    /// The first rate above that broke it; none when the sweep, or the load generator, ended before the technique did.
    pub broke: Option<&'r Row<'r>>,
}

/// A rate at which nothing was missing, p99 was within the bound, and the load generator was not the limit.
#[derive(Debug)]
pub(crate) struct Kept<'r> {
    pub row: &'r Row<'r>,
    /// Deliveries for each second that were due.
    pub offered_per_s: f64,
    pub p99: Estimate,
}

impl Answer<'_> {
    /// One for each contestant, none when the scenario does not sweep a rate up to a bound.
    pub(crate) fn saturations(&self) -> Vec<Saturation<'_>> {
        let climbs = self.subject() == Subject::Saturation;
        let orders = if climbs { self.contestants() } else { Vec::new() };
        orders.into_iter().map(|order| self.saturation(order)).collect()
    }

    fn saturation(&self, technique: usize) -> Saturation<'_> {
        let rows: Vec<&Row<'_>> = self.rows_of(technique).collect();
        let last = rows.iter().rposition(|row| kept(row).is_some());
        let above = &rows[last.map_or(0, |last| last + 1)..];
        Saturation {
            technique,
            kept: last.and_then(|last| kept(rows[last])),
            broke: above.iter().copied().find(|row| is_broken(row)),
        }
    }
}

fn kept<'r>(row: &'r Row<'r>) -> Option<Kept<'r>> {
    let figures = row.figures.as_ref().filter(|figures| figures.load_limited == 0)?;
    let p99 = figures.delivery_at(Quantile::P99).estimate()?;
    let kept = Kept { row, offered_per_s: figures.offered_per_s, p99 };
    (is_whole(row, figures) && !is_late(row, p99)).then_some(kept)
}

/// What goes wrong while the load generator is the limit is not laid to the technique.
fn is_broken(row: &Row<'_>) -> bool {
    let Some(figures) = &row.figures else { return true };
    let is_late = match figures.delivery_at(Quantile::P99) {
        Shown::At(p99) => is_late(row, p99),
        Shown::Missing => true,
        Shown::TooFew => false,
    };
    figures.load_limited == 0 && (is_late || !is_whole(row, figures))
}

fn is_whole(row: &Row<'_>, figures: &Figures) -> bool {
    figures.counts.missing == 0 && figures.trials == row.trials.len()
}

fn is_late(row: &Row<'_>, p99: Estimate) -> bool {
    row.settings.bound.as_ref().is_some_and(|bound| p99.value > bound.p99_ns as f64)
}
