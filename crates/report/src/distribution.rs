//! Student's t and Fisher's F, by the regularised incomplete beta function (NIST, *Digital Library of Mathematical Functions*,
//! §8.17; its continued fraction, §8.17.22, summed by Lentz's method).

/// Half the width of a 95 % interval in standard errors: 2.5 % of Student's t with so many degrees of freedom lie above it.
pub(crate) fn t_at_95_percent(freedom: f64) -> f64 {
    t_outside(0.05, freedom)
}

/// Student's t that this share lies outside of, both sides together.
pub(crate) fn t_outside(outside: f64, freedom: f64) -> f64 {
    // With one degree of freedom it is 12.7.
    let (mut low, mut high) = (0.0, 100.0);
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        // The square of t with v degrees of freedom is F with 1 and v.
        if f_tail(middle * middle, 1.0, freedom) > outside { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// How likely chance alone makes F at least so large, given the degrees of freedom of its dividend and its divisor.
fn f_tail(f: f64, of: f64, to: f64) -> f64 {
    incomplete_beta(to / (to + of * f), to / 2.0, of / 2.0)
}

fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The fraction converges fast below the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TERMS: u32 = 500;
    const EXACT: f64 = 1e-15;
    let away_from_0 = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away_from_0(1.0 - (a + b) * x / (a + 1.0)));
    let mut sum = d;
    for m in (1..TERMS).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = sum;
        for term in [even, odd] {
            d = 1.0 / away_from_0(1.0 + term * d);
            c = away_from_0(1.0 + term / c);
            sum *= c * d;
        }
        if (sum / before - 1.0).abs() < EXACT {
            break;
        }
    }
    sum
}

/// Stirling's series (DLMF §5.11.1), where it is exact to ten digits.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 10.0 {
        below += x.ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1_260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + std::f64::consts::TAU.ln() / 2.0 + series - below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST/SEMATECH, *e-Handbook of Statistical Methods*, §1.3.6.7.2.
    #[test]
    fn t_is_that_of_the_tables() {
        for (freedom, t) in
            [(1.0, 12.706), (2.0, 4.303), (4.0, 2.776), (10.0, 2.228), (30.0, 2.042), (100.0, 1.984)]
        {
            assert!((t_at_95_percent(freedom) - t).abs() < 6e-4, "{freedom}: {}", t_at_95_percent(freedom));
        }
    }

    /// The same, §1.3.6.7.3: the values that 5 % and 1 % lie above.
    #[test]
    fn f_is_that_of_the_tables() {
        for (f, of, to, share) in [
            (5.786, 2.0, 5.0, 0.05),
            (3.326, 5.0, 10.0, 0.05),
            (5.318, 1.0, 8.0, 0.05),
            (2.348, 10.0, 20.0, 0.05),
            (11.392, 4.0, 5.0, 0.01),
        ] {
            assert!((f_tail(f, of, to) / share - 1.0).abs() < 1e-3, "{f}: {}", f_tail(f, of, to));
        }
    }

    #[test]
    fn ends_are_certain() {
        assert_eq!([f_tail(0.0, 3.0, 7.0), f_tail(f64::INFINITY, 3.0, 7.0)], [1.0, 0.0]);
    }

    #[test]
    fn factorials_are_gammas() {
        for (x, factorial) in [(1.0, 1.0_f64), (2.0, 1.0), (5.0, 24.0), (11.0, 3_628_800.0)] {
            assert!((ln_gamma(x) - factorial.ln()).abs() < 1e-9, "{x}");
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-9);
    }
}
