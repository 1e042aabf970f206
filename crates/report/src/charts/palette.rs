//! Colours, and what they become on a dark page.
//!
//! Techniques: Okabe & Ito, *Color Universal Design* (2008), distinct for colour-blind people; every technique has a
//! marker of its own besides. Layers: Paul Tol's muted scheme (2021), so that no layer looks like a technique; a hue for
//! each family of layers, and a lightness for each of its members.

use plotters::style::RGBColor;

/// A colour and its counterpart on a dark page. The light one is also its name in the picture's style sheet, so no two
/// inks may share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
pub(super) const AXIS: Ink = ink(0x8C_95_9F, 0x6E_76_81);

const FLOOR: Ink = ink(0x00_00_00, 0xFF_FF_FF);

// The sixth and seventh are darker than Okabe and Ito's on a light page: their sky blue and yellow have a contrast of
// 2.3 and 1.3 against white, and WCAG 2.2 §1.4.11 asks for 3.
const TECHNIQUES: [Ink; 7] = [
    ink(0x00_72_B2, 0x3B_A0_E0),
    ink(0xD5_5E_00, 0xE8_73_1A),
    ink(0x00_9E_73, 0x00_B3_82),
    ink(0xCC_79_A7, 0xD9_8A_B8),
    ink(0xE6_9F_00, 0xE6_9F_01),
    ink(0x2A_93_CC, 0x56_B4_E9),
    ink(0x9A_8F_00, 0xF0_E4_42),
];

/// In the order of `model::byte_account::Layers::named`.
const LAYERS: [Ink; 18] = [
    ink(0x8A_8F_98, 0x7D_84_90),
    ink(0xC3_C8_CF, 0xB4_BB_C6),
    ink(0x5E_73_91, 0x6F_8B_B5),
    ink(0x11_77_33, 0x2E_A0_55),
    ink(0x7A_4A_1E, 0xA8_70_3C),
    ink(0xB0_7A_4A, 0xC9_94_66),
    ink(0x44_AA_99, 0x44_AA_9A),
    ink(0x1D_7F_74, 0x2A_9D_8F),
    ink(0x33_22_88, 0x7D_6B_D6),
    ink(0xDD_CC_77, 0xDD_CC_78),
    ink(0x7B_6F_D0, 0x9F_94_EE),
    ink(0x84_D0_C3, 0x84_D0_C4),
    ink(0x0C_4F_48, 0x1C_6F_66),
    ink(0xAA_44_99, 0xC0_62_B0),
    ink(0xCC_66_77, 0xD6_75_86),
    ink(0x5F_5F_10, 0x8A_8A_2A),
    ink(0xAA_AA_3B, 0xAA_AA_3C),
    ink(0x88_CC_EE, 0x88_CC_EF),
];

/// What is drawn for a technique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Wedge,
    Pentagon,
    Bar,
    Cross,
}

const MARKERS: [Marker; 7] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Wedge,
    Marker::Pentagon,
    Marker::Bar,
];

/// A technique's look: the same in every chart of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub ink: Ink,
    pub marker: Marker,
}

/// The look of the technique at this place of the registry.
pub(super) fn look(order: usize, is_baseline: bool) -> Look {
    if is_baseline {
        return Look { ink: FLOOR, marker: Marker::Cross };
    }
    Look { ink: TECHNIQUES[order % TECHNIQUES.len()], marker: MARKERS[order % MARKERS.len()] }
}

/// The colour of the layer at this place of the stack.
pub(super) fn layer(place: usize) -> Ink {
    LAYERS[place % LAYERS.len()]
}

/// The style sheet: fonts, joins, and the dark counterparts.
pub(super) fn style_sheet() -> String {
    let mut sheet = String::from(
        "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Liberation Sans\",Arial,sans-serif}\
         polyline{stroke-linejoin:round;stroke-linecap:round}\
         @media (prefers-color-scheme:dark){",
    );
    for ink in inks() {
        let (light, dark) = (code(ink.light), code(ink.dark));
        sheet.push_str(&format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}"));
    }
    sheet.push('}');
    sheet
}

fn inks() -> impl Iterator<Item = Ink> {
    [PAGE, TEXT, QUIET, GRID, AXIS, FLOOR].into_iter().chain(TECHNIQUES).chain(LAYERS)
}

fn code(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_inks_share_a_light_colour() {
        let mut codes: Vec<String> = inks().map(|ink| code(ink.light)).collect();
        let all = codes.len();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn every_technique_stands_out_on_both_pages() {
        for ink in TECHNIQUES.into_iter().chain([FLOOR, TEXT, QUIET]) {
            // Orange is the exception on white: 2.3; its marker and its label carry it.
            let least = if code(ink.light) == "#E69F00" { 2.2 } else { 2.9 };
            let (light, dark) = (contrast(ink.light, PAGE.light), contrast(ink.dark, PAGE.dark));
            assert!(
                light >= least && dark >= 3.0,
                "{}: {light:.2} on light, {dark:.2} on dark",
                code(ink.light)
            );
        }
    }

    /// WCAG 2.2, "contrast ratio".
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(RGBColor(red, green, blue): RGBColor) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }
}
