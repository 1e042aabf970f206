//! Colours: one for each technique and each layer, the same on light and dark pages.
//!
//! Their luminance lies between 0.12 and 0.30, so each has a contrast of at least 3 against white, black and the dark page (WCAG 2.2,
//! §1.4.11). Hues differ for colour-blind people too, as far as so narrow a band allows; labels stand beside what they name.

use plotters::style::RGBColor;

use crate::evidence::Evidence;

/// A colour and its counterpart on a dark page.
pub(super) struct Ink {
    pub light: RGBColor,
    dark: RGBColor,
}

const fn ink(light: u32, dark: u32) -> Ink {
    Ink { light: rgb(light), dark: rgb(dark) }
}

const fn rgb(code: u32) -> RGBColor {
    RGBColor((code >> 16) as u8, (code >> 8) as u8, code as u8)
}

pub(super) const PAGE: Ink = ink(0xFF_FF_FF, 0x0D_11_17);
pub(super) const TEXT: Ink = ink(0x1F_23_28, 0xE6_ED_F3);
pub(super) const QUIET: Ink = ink(0x59_63_6E, 0x9D_A7_B3);
pub(super) const GRID: Ink = ink(0xDD_E2_E7, 0x2B_32_3B);

/// What all others are a multiple of, and what stands for several.
pub(super) const GREY: &str = "#7D858F";
/// Those that wait and ask are warm, those that are sent to are cold.
const TECHNIQUES: [&str; 7] = ["#D0561B", "#A37B00", "#0B8F5F", "#1D8CB4", "#4A6FE3", "#B04FC4", "#C8466B"];
const LAYERS: [&str; 8] =
    ["#3D8B6E", "#8C8A5A", "#5B7FC7", "#B5679B", "#B9743A", "#2F93A8", "#9070C9", "#B85C5C"];

/// The colour of a technique: its place in the registry chooses it.
pub fn technique_colour(evidence: &Evidence, slug: &str) -> &'static str {
    if evidence.baseline() == Some(slug) {
        return GREY;
    }
    let place = evidence.techniques().position(|info| info.slug == slug).unwrap_or(0);
    TECHNIQUES[place % TECHNIQUES.len()]
}

/// Colours for parts of a whole, in their order.
pub(super) fn layer_colours() -> impl Iterator<Item = &'static str> {
    LAYERS.into_iter().chain(std::iter::repeat(GREY))
}

/// Reads `#RRGGBB`.
pub(super) fn parse(code: &str) -> RGBColor {
    rgb(u32::from_str_radix(code.trim_start_matches('#'), 16).unwrap_or_default())
}

/// Fonts, joins, and what becomes of ink on a dark page.
pub(super) fn style_sheet() -> String {
    let mut sheet = String::from(
        "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Liberation Sans\",Arial,sans-serif}\
         polyline{stroke-linejoin:round;stroke-linecap:round}@media (prefers-color-scheme:dark){",
    );
    for ink in [PAGE, TEXT, QUIET, GRID] {
        let [light, dark] = [ink.light, ink.dark]
            .map(|RGBColor(red, green, blue)| format!("#{red:02X}{green:02X}{blue:02X}"));
        sheet.push_str(&format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}"));
    }
    sheet + "}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_stands_out_on_white_black_and_the_dark_page() {
        for code in TECHNIQUES.into_iter().chain(LAYERS).chain([GREY]) {
            for page in [PAGE.light, PAGE.dark, rgb(0)] {
                let ratio = contrast(parse(code), page);
                assert!(ratio >= 3.0, "{code}: {ratio:.2} on {page:?}");
            }
        }
        for ink in [TEXT, QUIET] {
            let ratios = [contrast(ink.light, PAGE.light), contrast(ink.dark, PAGE.dark)];
            assert!(ratios.iter().all(|ratio| *ratio >= 4.5), "{ratios:?}");
        }
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let luminance = |RGBColor(red, green, blue): RGBColor| {
            let linear = |channel: u8| {
                let share = f64::from(channel) / 255.0;
                if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        let [a, b] = [luminance(a), luminance(b)];
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}
