//! The start of the driver: what each stage pays before it does anything.

use std::io;
use std::process::{Command, Stdio};

use super::place::{LIMIT, Place};
use super::report::{Goal, Report, Row};
use crate::child::run_reading;
use crate::programs;
use crate::stats::Spread;

const ROW: Row = Row {
    work: "`fargate --version`",
    against: "–",
    measure: "CPU",
    unit: " ms",
    goal: Goal::Below(5.0),
};

/// Processor time of `fargate --version`.
///
/// # Errors
/// When the driver does not build or fails.
pub fn driver(place: &Place, report: &mut Report) -> io::Result<()> {
    // To build it takes minutes on a fresh clone, which is nothing for a quick run.
    let built = programs::profile_directory()?.join("fargate");
    let driver = match place.size(None, Some(built)) {
        None => programs::driver()?,
        Some(built) if built.is_file() => built,
        Some(_) => {
            report.goal(ROW, None);
            return Ok(());
        }
    };
    let mut millis = Vec::new();
    for _ in 0..place.size(50, 10) {
        let mut command = Command::new(&driver);
        let (sample, text) = run_reading(command.arg("--version").stdin(Stdio::null()), LIMIT)?;
        if text.trim().is_empty() {
            return Err(io::Error::other("the driver says no version"));
        }
        millis.push(sample.cpu.as_secs_f64() * 1e3);
    }
    report.goal(ROW, Spread::of(&millis));
    Ok(())
}
