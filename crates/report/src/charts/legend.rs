//! Names at the right of a plot, each as near as possible to the end of its line.

use super::canvas::{At, Body, Canvas, DrawError, LABEL, text_width};
use super::palette::{self, Look};

/// The least distance of two names.
const GAP: f64 = 18.0;
/// From the plot to the names' markers.
const AWAY: f64 = 26.0;

/// The name of a line.
pub(super) struct EndLabel<'t> {
    /// Where the line ends.
    pub end: At,
    pub look: Look,
    pub text: &'t str,
}

/// What must stay free at the right of a plot with these names.
pub(super) fn margin<'t>(labels: impl IntoIterator<Item = &'t str>) -> f64 {
    labels.into_iter().map(|label| text_width(label, LABEL.size)).fold(0.0, f64::max) + AWAY + 24.0
}

/// Draws the names of all lines right of `right`, between `top` and `bottom`, without overlap.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    labels: &[EndLabel<'_>],
    right: f64,
    (top, bottom): (f64, f64),
) -> Result<(), DrawError> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|a, b| labels[*a].end.1.total_cmp(&labels[*b].end.1));
    let wanted: Vec<f64> = order.iter().map(|place| labels[*place].end.1).collect();
    for (place, y) in order.into_iter().zip(spread(&wanted, top, bottom)) {
        let label = &labels[place];
        let marker = (right + AWAY, y);
        canvas.line(&[label.end, (right + 6.0, y), (marker.0 - 8.0, y)], palette::AXIS, 0.7)?;
        canvas.marker(marker, label.look.marker, 4.5, label.look.ink, Body::Filled)?;
        canvas.text((marker.0 + 10.0, y), label.text, LABEL)?;
    }
    Ok(())
}

/// Draws names side by side from `at` on, in as many lines as they need up to `right`; gives the last line's place.
pub(super) fn along<'t>(
    canvas: &Canvas<'_>,
    names: impl Iterator<Item = (Look, &'t str)>,
    at: At,
    right: f64,
) -> Result<f64, DrawError> {
    let (mut x, mut y) = at;
    for (look, text) in names {
        let wide = text_width(text, LABEL.size) + 36.0;
        if x + wide > right && x > at.0 {
            (x, y) = (at.0, y + GAP + 2.0);
        }
        canvas.marker((x, y), look.marker, 4.5, look.ink, Body::Filled)?;
        canvas.text((x + 10.0, y), text, LABEL)?;
        x += wide;
    }
    Ok(y)
}

/// Ascending places with at least [`GAP`] between them, as near to the wanted ones as that allows.
fn spread(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut places = wanted.to_vec();
    let mut least = top;
    for place in &mut places {
        *place = place.max(least);
        least = *place + GAP;
    }
    let mut most = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - GAP;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_distance_and_stay_inside() {
        let places = spread(&[10.0, 11.0, 12.0, 200.0, 299.0, 300.0], 0.0, 300.0);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= GAP), "{places:?}");
        assert!(places.iter().all(|place| (0.0..=300.0).contains(place)), "{places:?}");
        assert_eq!(places[3], 200.0);
    }
}
