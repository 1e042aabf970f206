//! A straight line through points by least squares, how sure its two parameters are, whether it is one at all, and what it
//! foretells.
//!
//! The formulas are those of every textbook: Kutner, Nachtsheim, Neter & Li, *Applied Linear Statistical Models*, 5th edition,
//! §1.6 (fit), §2.1–2.2 (intervals), §2.5 (prediction), §3.7 (lack of fit), §8.1 (curvature).

use super::distribution::{f_tail, t_at_95_percent};
use super::estimate::{Estimate, Interval};

/// Chance alone would bend a straight line so rarely that it is called none.
const UNLIKELY: f64 = 0.05;

/// A fitted line, and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// What y grows by for each x, with its 95 % interval.
    pub slope: Estimate,
    /// y where x is 0, with its 95 % interval.
    pub intercept: Estimate,
    pub shape: Shape,
    /// How far the point that lies farthest off lies off, as a share of the line there.
    pub farthest: f64,
    points: f64,
    mean_x: f64,
    sum_xx: f64,
    /// Of the points from the line.
    deviation: f64,
}

/// Whether the points lie on a straight line but for chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// Nothing speaks against it: chance alone makes what was seen with this probability.
    Straight(f64),
    /// Chance alone hardly makes that.
    Bent(f64),
    /// There are too few points to tell.
    Untested,
}

/// Sums of squares about the means.
struct Moments {
    mean: [f64; 2],
    xx: f64,
    xy: f64,
}

impl Fit {
    /// Through at least three points, not all of one x.
    pub(crate) fn through(points: &[(f64, f64)]) -> Option<Self> {
        let Moments { mean: [mean_x, mean_y], xx: sum_xx, xy } = Moments::of(points);
        if points.len() < 3 || sum_xx <= 0.0 {
            return None;
        }
        let slope = xy / sum_xx;
        let at = |x: f64| mean_y + slope * (x - mean_x);
        let residual: f64 = points.iter().map(|(x, y)| (y - at(*x)).powi(2)).sum();
        let count = points.len() as f64;
        let deviation = (residual / (count - 2.0)).sqrt();
        let t = t_at_95_percent(count - 2.0);
        let around = |value: f64, error: f64| Estimate {
            value,
            interval: Some(Interval { low: value - t * error, high: value + t * error }),
        };
        let farthest = points.iter().map(|(x, y)| (y / at(*x) - 1.0).abs()).fold(0.0, f64::max);
        Some(Self {
            slope: around(slope, deviation / sum_xx.sqrt()),
            intercept: around(at(0.0), deviation * (1.0 / count + mean_x.powi(2) / sum_xx).sqrt()),
            shape: shape(points, residual),
            farthest,
            points: count,
            mean_x,
            sum_xx,
            deviation,
        })
    }

    /// The line's y at x.
    pub(crate) fn at(&self, x: f64) -> f64 {
        self.intercept.value + self.slope.value * x
    }

    /// What one more point at x would have for y, with its 95 % prediction interval: it is as wide as chance alone makes it, and
    /// knows nothing of a line that does not stay one.
    pub(crate) fn predicted(&self, x: f64) -> Estimate {
        let spread = 1.0 + 1.0 / self.points + (x - self.mean_x).powi(2) / self.sum_xx;
        let half = t_at_95_percent(self.points - 2.0) * self.deviation * spread.sqrt();
        let value = self.at(x);
        Estimate { value, interval: Some(Interval { low: value - half, high: value + half }) }
    }
}

impl Moments {
    fn of(points: &[(f64, f64)]) -> Self {
        let count = points.len().max(1) as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
        let about = |of: fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum();
        Self { mean: [mean_x, mean_y], xx: about(|x, _| x * x), xy: about(|x, y| x * y) }
    }
}

/// Where points were repeated, their spread is what chance does, and the line must not miss their means by more. Where none was,
/// a square term must not explain more than chance does.
fn shape(points: &[(f64, f64)], residual: f64) -> Shape {
    let (spread, places) = within_places(points);
    let (count, places) = (points.len() as f64, places as f64);
    let of_total = points.iter().map(|(_, y)| y * y).sum::<f64>() * 1e-18;
    let probability = if count > places && places > 2.0 {
        tail((residual - spread, places - 2.0), (spread, count - places), of_total)
    } else if count == places && count > 3.0 {
        let bent = by_curvature(points);
        tail((bent, 1.0), (residual - bent, count - 3.0), of_total)
    } else {
        return Shape::Untested;
    };
    if probability < UNLIKELY { Shape::Bent(probability) } else { Shape::Straight(probability) }
}

/// The probability of a quotient of mean squares, each given as sum and degrees of freedom. What rounding makes is nothing.
fn tail((of, freedom): (f64, f64), (to, to_freedom): (f64, f64), rounding: f64) -> f64 {
    if of <= rounding {
        1.0
    } else {
        f_tail((of / freedom) / (to.max(0.0) / to_freedom), freedom, to_freedom)
    }
}

/// Squares about the mean of each x, and how many x there are.
fn within_places(points: &[(f64, f64)]) -> (f64, usize) {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let squares = sorted.chunk_by(|a, b| a.0 == b.0).map(|place| {
        let mean = place.iter().map(|(_, y)| y).sum::<f64>() / place.len() as f64;
        place.iter().map(|(_, y)| (y - mean).powi(2)).sum::<f64>()
    });
    squares.fold((0.0, 0), |(sum, places), squares| (sum + squares, places + 1))
}

/// The part of the squares that a square term explains: what of x² a line through it leaves over is what it has of its own.
fn by_curvature(points: &[(f64, f64)]) -> f64 {
    let mean_x = Moments::of(points).mean[0];
    let squares: Vec<(f64, f64)> = points.iter().map(|(x, _)| (x - mean_x, (x - mean_x).powi(2))).collect();
    let moments = Moments::of(&squares);
    let own = |(x, square): &(f64, f64)| square - moments.mean[1] - moments.xy / moments.xx * x;
    let with_y: f64 = squares.iter().zip(points).map(|(square, (_, y))| own(square) * y).sum();
    let of_its_own: f64 = squares.iter().map(|square| own(square).powi(2)).sum();
    if of_its_own > 0.0 { with_y.powi(2) / of_its_own } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kutner et al., table 1.1, the Toluca company: lot size, and hours that it took.
    const TOLUCA: [(f64, f64); 25] = [
        (80.0, 399.0),
        (30.0, 121.0),
        (50.0, 221.0),
        (90.0, 376.0),
        (70.0, 361.0),
        (60.0, 224.0),
        (120.0, 546.0),
        (80.0, 352.0),
        (100.0, 353.0),
        (50.0, 157.0),
        (40.0, 160.0),
        (70.0, 252.0),
        (90.0, 389.0),
        (20.0, 113.0),
        (110.0, 435.0),
        (100.0, 420.0),
        (30.0, 212.0),
        (50.0, 268.0),
        (90.0, 377.0),
        (110.0, 421.0),
        (30.0, 273.0),
        (90.0, 468.0),
        (40.0, 244.0),
        (80.0, 342.0),
        (70.0, 323.0),
    ];

    /// The same, table 3.4, the bank: smallest deposit for a gift, and accounts that were opened.
    const BANK: [(f64, f64); 11] = [
        (125.0, 160.0),
        (100.0, 112.0),
        (200.0, 124.0),
        (75.0, 28.0),
        (150.0, 152.0),
        (175.0, 156.0),
        (75.0, 42.0),
        (175.0, 124.0),
        (125.0, 150.0),
        (200.0, 104.0),
        (100.0, 136.0),
    ];

    fn assert_near(what: &str, found: f64, published: f64, within: f64) {
        assert!((found - published).abs() <= within, "{what}: {found} and not {published}");
    }

    fn assert_interval(what: &str, estimate: Estimate, published: [f64; 3], within: f64) {
        let interval = estimate.interval.expect("a line has intervals");
        for (found, published) in [estimate.value, interval.low, interval.high].into_iter().zip(published) {
            assert_near(what, found, published, within);
        }
    }

    #[test]
    fn the_published_line_and_its_intervals_are_found() {
        let line = Fit::through(&TOLUCA).expect("there are enough points");
        // b1 = 3.5702, s{b1} = 0.3470, b0 = 62.37, s{b0} = 26.18, t(0.975; 23) = 2.069.
        assert_interval("slope", line.slope, [3.570, 2.852, 4.288], 1.1e-3);
        assert_interval("intercept", line.intercept, [62.37, 8.21, 116.52], 0.05);
        assert_near("deviation", line.deviation, 2_384_f64.sqrt(), 0.01);
    }

    #[test]
    fn the_published_prediction_is_made() {
        let line = Fit::through(&TOLUCA).expect("there are enough points");
        // For a lot of 100: 419.4 hours, s{pred} = 50.87; 2.069 of them either way.
        assert_interval("prediction", line.predicted(100.0), [419.4, 314.1, 524.6], 0.1);
    }

    #[test]
    fn the_published_lack_of_fit_is_found() {
        let line = Fit::through(&BANK).expect("there are enough points");
        assert_near("slope", line.slope.value, 0.486_70, 1e-5);
        assert_near("intercept", line.intercept.value, 50.722_51, 1e-4);
        // F* = 14.80 with 4 and 5 degrees of freedom, P = 0.006.
        let Shape::Bent(probability) = line.shape else { panic!("{:?}", line.shape) };
        assert_near("probability", probability, 0.006, 5e-4);
    }

    #[test]
    fn repeated_points_on_a_line_are_straight() {
        let Some(Fit { shape: Shape::Straight(probability), .. }) = Fit::through(&TOLUCA) else {
            panic!("it is said to be bent")
        };
        assert!(probability > 0.5, "{probability}");
    }

    #[test]
    fn without_repeated_points_curvature_tells() {
        // Orthogonal polynomials: the square explains 4, the cube 0.8 of one degree of freedom. F = 5 with 1 and 1:
        // probability 2/π · atan(1/√5).
        let bent = |square: f64| {
            let line = [-3.0, -1.0, 1.0, 3.0];
            let cube = [-0.2, 0.6, -0.6, 0.2];
            let square = [square, -square, -square, square];
            let points = (0..4).map(|place| (line[place], 9.0 + line[place] + square[place] + cube[place]));
            Fit::through(&points.collect::<Vec<_>>()).expect("there are enough points").shape
        };
        let Shape::Straight(probability) = bent(1.0) else { panic!("{:?}", bent(1.0)) };
        assert_near("probability", probability, std::f64::consts::FRAC_2_PI * 0.2_f64.sqrt().atan(), 1e-9);
        assert!(matches!(bent(100.0), Shape::Bent(_)), "{:?}", bent(100.0));
    }

    #[test]
    fn what_is_exactly_straight_is_so_for_certain() {
        let exact: Vec<(f64, f64)> = [1e3, 2e3, 5e3, 5e4].map(|x| (x, 4e6 + 6_500.0 * x)).into();
        let line = Fit::through(&exact).expect("there are enough points");
        assert_eq!(line.shape, Shape::Straight(1.0));
        assert!(line.farthest < 1e-9, "{line:?}");
        assert_near("a million", line.predicted(1e6).value, 6.504e9, 1e3);
        let twice = [exact.clone(), exact].concat();
        assert_eq!(Fit::through(&twice).map(|line| line.shape), Some(Shape::Straight(1.0)));
    }

    #[test]
    fn too_few_points_make_no_line_or_tell_nothing_of_it() {
        assert_eq!(Fit::through(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(Fit::through(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
        let three = Fit::through(&[(1.0, 1.0), (2.0, 2.0), (3.0, 4.0)]);
        assert_eq!(three.map(|line| line.shape), Some(Shape::Untested));
    }
}
