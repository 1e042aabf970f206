//! What a chart of bytes tells apart: layers, or families of layers where there would be too many of them.

use super::canvas::{At, Canvas, DrawError, LABEL, text_width};
use super::palette::{self, Ink};
use crate::statistics::Stack;

/// The number of colours that a reader can distinguish and remember.
const MOST: usize = 8;
const LINE: f64 = 22.0;
const SWATCH: f64 = 12.0;

const HEADERS: &str = "TCP/IP headers (counted by the kernel)";

/// Layers of one kind, by the names that the schema gives them; the first one's colour stands for all.
struct Family {
    name: &'static str,
    layers: &'static [&'static str],
}

const FAMILIES: [Family; 3] = [
    Family {
        name: "HTTP framing",
        layers: &["chunk framing", "DATA framing", "HTTP/2 frame headers", "HTTP/2 control"],
    },
    Family { name: "heads", layers: &["request head", "response head", "first header block"] },
    Family { name: "TLS", layers: &["TLS records", "TLS handshake"] },
];

/// The parts of all bars of a chart, in the order of the stack.
pub(super) struct Scheme {
    parts: Vec<Part>,
    has_headers: bool,
}

struct Part {
    name: &'static str,
    ink: Ink,
    /// Places of its layers in the schema's order.
    layers: Vec<usize>,
}

impl Scheme {
    /// What appears in any of these.
    pub(super) fn of(all: &[&Stack]) -> Self {
        let has_headers = all.iter().any(|stack| stack.headers.is_some());
        let single = parts(all, |name| (name, name));
        let is_crowded = single.len() + usize::from(has_headers) > MOST;
        let parts = if is_crowded { parts(all, family) } else { single };
        Self { parts, has_headers }
    }

    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Colours and bytes of one direction, from zero outwards, without the kernel's headers.
    pub(super) fn parts(&self, stack: &Stack, direction: usize) -> impl Iterator<Item = (Ink, f64)> {
        let layers = &stack.layers[direction];
        let bytes = |part: &Part| part.layers.iter().map(|place| layers[*place].1).sum();
        self.parts.iter().map(move |part| (part.ink, bytes(part)))
    }

    /// How high the legend is at this width.
    pub(super) fn legend_height(&self, width: f64) -> f64 {
        self.entries((0.0, 0.0), width).last().map_or(0.0, |(at, _, _)| at.1) + LINE + 2.0
    }

    /// Colours and names, in as many lines as they need.
    pub(super) fn legend(&self, canvas: &Canvas<'_>, at: At, width: f64) -> Result<(), DrawError> {
        for ((x, y), name, ink) in self.entries(at, width) {
            let (from, to) = ((x, y - SWATCH / 2.0), (x + SWATCH, y + SWATCH / 2.0));
            match ink {
                Some(ink) => canvas.rect(from, to, ink)?,
                None => hatched(canvas, from, to)?,
            }
            canvas.text((x + 18.0, y), name, LABEL.quiet())?;
        }
        Ok(())
    }

    fn entries(&self, at: At, width: f64) -> Vec<(At, &'static str, Option<Ink>)> {
        let (mut x, mut y) = at;
        let headers = self.has_headers.then_some((HEADERS, None));
        let parts = self.parts.iter().map(|part| (part.name, Some(part.ink)));
        let placed = parts.chain(headers).map(|(name, ink)| {
            let wide = 18.0 + text_width(name, LABEL.size) + 18.0;
            if x + wide > width && x > at.0 {
                (x, y) = (at.0, y + LINE);
            }
            let place = (x, y);
            x += wide;
            (place, name, ink)
        });
        placed.collect()
    }
}

/// Layers that appear, those of one name together at the first one's place. `name_of` gives a layer's name and the layer
/// that lends its colour.
fn parts(all: &[&Stack], name_of: impl Fn(&'static str) -> (&'static str, &'static str)) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let Some(first) = all.first() else { return parts };
    let place_of = |layer| first.layers[0].iter().position(|(name, _)| *name == layer);
    for (place, (layer, _)) in first.layers[0].iter().enumerate() {
        if !all.iter().any(|stack| stack.layers.iter().any(|layers| layers[place].1 > 0.0)) {
            continue;
        }
        let (name, lender) = name_of(layer);
        match parts.iter_mut().find(|part| part.name == name) {
            Some(part) => part.layers.push(place),
            None => {
                let ink = palette::layer(place_of(lender).unwrap_or(place));
                parts.push(Part { name, ink, layers: vec![place] });
            }
        }
    }
    parts
}

fn family(layer: &'static str) -> (&'static str, &'static str) {
    let family = FAMILIES.iter().find(|family| family.layers.contains(&layer));
    family.map_or((layer, layer), |family| (family.name, family.layers[0]))
}

/// An outline filled with slanted lines: bytes of another kind than those of the stream.
pub(super) fn hatched(canvas: &Canvas<'_>, (left, top): At, (right, bottom): At) -> Result<(), DrawError> {
    const EVERY: f64 = 4.0;
    if right - left < 0.25 {
        return Ok(());
    }
    let height = bottom - top;
    let lines = ((right - left + height) / EVERY).ceil() as u32;
    for line in 1..lines {
        // Each rises to the right, by as much as it goes along, and is cut at the rectangle's sides.
        let foot = left - height + f64::from(line) * EVERY;
        let (from, to) = (foot.max(left), (foot + height).min(right));
        canvas.line(&[(from, bottom - (from - foot)), (to, bottom - (to - foot))], palette::QUIET, 0.6)?;
    }
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    canvas.line(&corners, palette::QUIET, 0.8)
}

#[cfg(test)]
mod tests {
    use model::byte_account::Layers;

    use super::*;

    fn stack(bytes: impl Fn(usize) -> f64) -> Stack {
        let layers = Layers::default().named().enumerate().map(|(place, (name, _))| (name, bytes(place)));
        let layers: Vec<_> = layers.collect();
        Stack { layers: [layers.clone(), layers], headers: Some([52.0, 52.0]) }
    }

    #[test]
    fn every_layer_has_a_colour_and_every_family_names_layers() {
        let names: Vec<&str> = Layers::default().named().map(|(name, _)| name).collect();
        let mut colours: Vec<String> =
            (0..names.len()).map(|place| format!("{:?}", palette::layer(place))).collect();
        colours.sort();
        colours.dedup();
        assert_eq!(colours.len(), names.len());
        for family in FAMILIES {
            assert!(family.layers.iter().all(|layer| names.contains(layer)), "{}", family.name);
        }
    }

    #[test]
    fn layers_are_merged_only_where_there_are_too_many() {
        let few = stack(|place| if place < MOST - 1 { 10.0 } else { 0.0 });
        assert_eq!(Scheme::of(&[&few]).parts.len(), MOST - 1);
        let all = stack(|_| 10.0);
        let scheme = Scheme::of(&[&all]);
        let names: Vec<&str> = scheme.parts.iter().map(|part| part.name).collect();
        assert!(names.contains(&"heads") && !names.contains(&"request head"), "{names:?}");
        let sum: f64 = scheme.parts(&all, 1).map(|(_, bytes)| bytes).sum();
        assert_eq!(sum, all.wire(1));
    }
}
