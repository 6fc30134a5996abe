//! The plot: bars in SVG.

use std::fmt::Write as _;

use super::report::Panel;

const COLUMN: usize = 480;
const LABELS: usize = 130;
const BARS: usize = 250;
const BAR: usize = 20;
const HEAD: usize = 44;
const GAP: usize = 16;

/// Draws the panels in two columns.
#[must_use]
pub fn svg(panels: &[Panel]) -> String {
    let mut tops = [0, 0];
    let mut body = String::new();
    for panel in panels {
        let column = usize::from(tops[1] < tops[0]);
        draw(&mut body, panel, column * COLUMN, tops[column]);
        tops[column] += HEAD + panel.bars.len() * BAR + GAP;
    }
    let (width, height) = (2 * COLUMN, tops[0].max(tops[1]));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

fn draw(body: &mut String, panel: &Panel, left: usize, top: usize) {
    let most = panel.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        writeln!(body, "{text}").ok();
    };
    line(format_args!(
        "<text x=\"{}\" y=\"{}\" font-weight=\"bold\" fill=\"#222222\">{} ({})</text>",
        left + 12,
        top + 30,
        escape(&panel.title),
        panel.unit
    ));
    for (index, (client, value)) in panel.bars.iter().enumerate() {
        let y = top + HEAD + index * BAR;
        let width = (value / most * BARS as f64).max(1.0);
        // Ours is the first bar of each panel.
        let colour = if index == 0 { "#d9480f" } else { "#8c9aa8" };
        let start = left + LABELS;
        line(format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222222\">{}</text>",
            start - 6,
            y + 13,
            escape(client)
        ));
        line(format_args!(
            "<rect x=\"{start}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"/>",
            y + 2,
            BAR - 5
        ));
        let digits = if *value >= 100.0 { 0 } else { 2 };
        line(format_args!(
            "<text x=\"{:.1}\" y=\"{}\" fill=\"#222222\">{value:.digits$}</text>",
            start as f64 + width + 5.0,
            y + 13
        ));
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bars = vec![("ours".into(), 1.0), ("a<b".into(), 4.0)];
        let drawing = svg(&[Panel { title: "work".into(), unit: "ms", bars }]);
        assert!(drawing.contains("width=\"62.5\"") && drawing.contains("width=\"250.0\""));
        assert!(drawing.contains("a&lt;b") && !drawing.contains("a<b"));
        assert_eq!(drawing.matches("<rect").count(), 3);
    }
}
