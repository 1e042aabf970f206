//! The pass over a drawing's text: a name for screen readers, scaling by view box, dark pages.

use super::palette;

/// The finished picture. `drawing` is what plotters' SVG backend wrote.
pub(super) fn finish(drawing: &str, size: (f64, f64), title: &str, description: &str) -> String {
    let (root, shapes) = drawing.split_once(">\n").unwrap_or(("", drawing));
    let view_box = root.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
    let shapes = shapes
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" font-family=\"sans-serif\"", "");
    let shapes = joined_texts(&shapes);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"{view_box}\" role=\"img\" \
         aria-labelledby=\"title description\">\n<title id=\"title\">{}</title>\n\
         <desc id=\"description\">{}</desc>\n<style>{}</style>\n{shapes}",
        size.0,
        size.1,
        escape(title),
        escape(description),
        palette::style_sheet(),
    )
}

/// The backend breaks the line after every text, which some viewers show as a space and shift the text by.
fn joined_texts(shapes: &str) -> String {
    let mut joined = String::with_capacity(shapes.len());
    let mut lines = shapes.lines();
    while let Some(line) = lines.next() {
        joined.push_str(line);
        if line.starts_with("<text") {
            joined.extend(lines.by_ref().take(2));
        }
        joined.push('\n');
    }
    joined
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWING: &str = "<svg width=\"8\" height=\"4\" viewBox=\"0 0 8 4\" xmlns=\"http://www.w3.org/2000/svg\">\n\
        <text x=\"1\" opacity=\"1\">\nlabel\n</text>\n</svg>\n";

    #[test]
    fn picture_is_scaled_by_its_view_box_and_named() {
        let finished = finish(DRAWING, (2.0, 1.0), "A & B", "x < y");
        assert!(finished.contains("width=\"2\" height=\"1\" viewBox=\"0 0 8 4\" role=\"img\""), "{finished}");
        assert!(finished.contains("<title id=\"title\">A &amp; B</title>"), "{finished}");
        assert!(finished.contains("<desc id=\"description\">x &lt; y</desc>"), "{finished}");
        assert!(finished.ends_with("<text x=\"1\">label</text>\n</svg>\n"), "{finished}");
    }
}
