//! The table: goals with figures, then the medians behind them.

use std::fmt::Write as _;
use std::io;

use super::turns::Turns;
use crate::stats::{Spread, median};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
    /// Shown for comparison.
    None,
}

impl Goal {
    fn is_met(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(figure >= bound),
            Self::AtMost(bound) => Some(figure <= bound),
            Self::Below(bound) => Some(figure < bound),
            Self::None => None,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {bound}{unit}"),
            Self::AtMost(bound) => format!("at most {bound}{unit}"),
            Self::Below(bound) => format!("below {bound}{unit}"),
            Self::None => "–".into(),
        }
    }
}

/// What is measured, of what, against whom.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The work.
    pub work: &'static str,
    /// The other client, or "–".
    pub against: &'static str,
    /// The measure.
    pub measure: &'static str,
    /// Behind figures, with a leading space where one belongs.
    pub unit: &'static str,
    /// What to reach.
    pub goal: Goal,
}

/// One panel of the plot: a bar for each client.
#[derive(Debug)]
pub struct Panel {
    /// The work and the measure.
    pub title: String,
    /// Of the values.
    pub unit: &'static str,
    /// Client and value; smaller is better.
    pub bars: Vec<(String, f64)>,
}

/// Everything one run has found out.
#[derive(Debug, Default)]
pub struct Report {
    goals: Vec<String>,
    medians: Vec<String>,
    /// For the plot.
    pub panels: Vec<Panel>,
    /// What went wrong; a run with failures is none.
    pub failures: Vec<String>,
}

impl Report {
    /// Adds one row of the goal table; `None` for what could not be measured.
    pub fn goal(&mut self, row: Row, figure: Option<Spread>) {
        let Row { work, against, measure, unit, goal } = row;
        let wanted = goal.text(unit);
        let (figure, spread, met) = match figure {
            None => ("not measured".into(), "–".into(), "–"),
            Some(Spread { median, least, most }) => (
                format!("**{}{unit}**", short(median)),
                format!("{} to {}", short(least), short(most)),
                goal.is_met(median).map_or("–", |met| if met { "yes" } else { "**no**" }),
            ),
        };
        self.goals.push(format!(
            "| {work} | {against} | {measure} | {wanted} | {figure} | {spread} | {met} |"
        ));
    }

    /// Adds what every client took for `work`, which moved `bytes` bytes or is a matter of time.
    pub fn clients(&mut self, work: &str, turns: &Turns, bytes: Option<u64>) {
        let mut walls = Vec::new();
        let mut cpus = Vec::new();
        for client in turns.clients() {
            let wall = median(&turns.values(client, |sample| sample.wall.as_secs_f64()));
            let cpu = median(&turns.values(client, |sample| sample.cpu.as_secs_f64()));
            let peak = median(&turns.values(client, |sample| sample.peak as f64)) / 1e6;
            let (rate, cpu) = match bytes {
                Some(bytes) => {
                    let bytes = bytes as f64;
                    let per_gib = cpu * f64::from(1 << 30) / bytes;
                    cpus.push(((*client).to_owned(), per_gib));
                    (format!("{:.0} MB/s", bytes / wall / 1e6), format!("{per_gib:.2} s/GiB"))
                }
                None => ("–".into(), format!("{:.1} ms", cpu * 1e3)),
            };
            let peak = if peak > 0.0 { format!("{peak:.1} MB") } else { "–".into() };
            walls.push(((*client).to_owned(), wall * 1e3));
            self.medians.push(format!(
                "| {work} | {client} | {:.1} ms | {rate} | {cpu} | {peak} |",
                wall * 1e3
            ));
        }
        self.panels.push(Panel { title: format!("{work}: time"), unit: "ms", bars: walls });
        if !cpus.is_empty() {
            let title = format!("{work}: client CPU per GiB");
            self.panels.push(Panel { title, unit: "s", bars: cpus });
        }
    }

    /// Runs one part; a failure is kept, and the other parts still run.
    pub fn part(&mut self, name: &str, part: impl FnOnce(&mut Self) -> io::Result<()>) {
        if let Err(error) = part(self) {
            self.failures.push(format!("{name}: {error}"));
        }
    }

    /// The whole report in Markdown.
    #[must_use]
    pub fn markdown(&self, conditions: &str, missing: &[String]) -> String {
        let mut text = format!("{conditions}\n\n");
        text.push_str(
            "| work | against | measure | goal | figure | spread | met |\n\
             |---|---|---|---|---|---|---|\n",
        );
        lines(&mut text, "", &self.goals);
        text.push_str(
            "\nMedians of each client. CPU is user and system time of the client process.\n\n\
             | work | client | time | rate | CPU | peak memory |\n|---|---|---|---|---|---|\n",
        );
        lines(&mut text, "", &self.medians);
        if !missing.is_empty() {
            text.push_str("\nNot in this run:\n\n");
            lines(&mut text, "- ", missing);
        }
        if !self.failures.is_empty() {
            text.push_str("\nFailed:\n\n");
            lines(&mut text, "- ", &self.failures);
        }
        text
    }
}

fn lines(text: &mut String, before: &str, lines: &[String]) {
    for line in lines {
        // Writing to a string cannot fail.
        writeln!(text, "{before}{line}").ok();
    }
}

/// Three digits that say something.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row =
        Row { work: "w", against: "ssh", measure: "m", unit: "×", goal: Goal::AtMost(0.8) };

    fn spread(median: f64) -> Option<Spread> {
        Some(Spread { median, least: median - 0.1, most: median + 0.1 })
    }

    #[test]
    fn a_row_says_whether_its_goal_is_met() {
        let mut report = Report::default();
        report.goal(ROW, spread(0.75));
        report.goal(ROW, spread(0.85));
        report.goal(ROW, None);
        let text = report.markdown("here", &["Go".into()]);
        assert!(text.contains("| at most 0.8× | **0.75×** | 0.65 to 0.85 | yes |"), "{text}");
        assert!(text.contains("| **0.85×** | 0.75 to 0.95 | **no** |"), "{text}");
        assert!(text.contains("| not measured | – | – |") && text.contains("- Go"), "{text}");
    }

    #[test]
    fn a_bound_counts_as_met_unless_it_must_stay_below() {
        assert_eq!(Goal::AtLeast(2.0).is_met(2.0), Some(true));
        assert_eq!(Goal::AtMost(2.0).is_met(2.0), Some(true));
        assert_eq!(Goal::Below(2.0).is_met(2.0), Some(false));
        assert_eq!(Goal::None.is_met(2.0), None);
    }

    #[test]
    fn a_failed_part_does_not_end_the_others() {
        let mut report = Report::default();
        report.part("first", |_| Err(io::Error::other("why")));
        report.part("second", |report| {
            report.goal(ROW, spread(0.5));
            Ok(())
        });
        assert_eq!(report.failures, ["first: why"]);
        assert!(report.markdown("", &[]).contains("**0.50×**"));
    }
}
