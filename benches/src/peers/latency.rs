//! How much later a line arrives than it was written.

use std::collections::BTreeMap;
use std::io::{self, Read};

use rustix::time::{ClockId, clock_gettime};

use super::clients::{GO, OURS, SSH};
use super::place::{LIMIT, Place};
use super::report::{Goal, Report, Row};
use super::turns::Turns;
use crate::child::run;
use crate::stats::{Spread, quantile};
use crate::workload::remote;

/// Between two lines, in milliseconds.
const EVERY: u64 = 10;

/// The delay of lines written every 10 ms, at its median and its 99th percentile.
///
/// # Errors
/// When a client fails or a line is missing.
pub fn lines(place: &Place, report: &mut Report) -> io::Result<()> {
    let count: usize = place.size(300, 50);
    let command = remote(&format!("clock {count} {EVERY}"))?;
    let mut delays: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let clients = place.clients.among(&[OURS, SSH, GO]);
    Turns::take(place.size(5, 2), &clients, |client| {
        let mut command = place.clients.command(client, &place.site, &place.sshd, &command)?;
        let mut arrivals = Arrivals::default();
        let mut buffer = [0; 4096];
        let sample = run(&mut command, LIMIT, &mut |out| {
            let read = out.read(&mut buffer)?;
            arrivals.push(&buffer[..read]);
            Ok(read)
        })?;
        if arrivals.delays.len() != count {
            let lines = arrivals.delays.len();
            return Err(io::Error::other(format!("{client}: {lines} of {count} lines")));
        }
        let quantiles = (quantile(&arrivals.delays, 0.5), quantile(&arrivals.delays, 0.99));
        delays.entry(client).or_default().push(quantiles);
        Ok(sample)
    })?;
    // The first round does not count.
    let of = |client: &str, which: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        delays.get(client).map(|all| all.iter().skip(1).map(which).collect()).unwrap_or_default()
    };
    for (measure, which, most) in [
        ("delay of a line, p50", (|pair| pair.0) as fn(&(f64, f64)) -> f64, 1.25),
        ("delay of a line, p99", |pair| pair.1, 2.0),
    ] {
        let work = "a line every 10 ms, sshd";
        let ratio = Spread::of_ratios(&of(OURS, which), &of(SSH, which));
        report
            .goal(Row { work, against: SSH, measure, unit: "×", goal: Goal::AtMost(most) }, ratio);
        let own = Spread::of(&of(OURS, which));
        report.goal(Row { work, against: "–", measure, unit: " µs", goal: Goal::None }, own);
    }
    Ok(())
}

/// Splits output into lines, each the time it was written.
#[derive(Default)]
struct Arrivals {
    delays: Vec<f64>,
    partial: Vec<u8>,
}

impl Arrivals {
    fn push(&mut self, data: &[u8]) {
        let now = clock_gettime(ClockId::Monotonic);
        let now = now.tv_sec * 1_000_000_000 + now.tv_nsec;
        for byte in data {
            if *byte != b'\n' {
                self.partial.push(*byte);
                continue;
            }
            let written =
                std::str::from_utf8(&self.partial).ok().and_then(|t| t.parse::<i64>().ok());
            self.partial.clear();
            if let Some(written) = written {
                self.delays.push((now - written) as f64 / 1e3);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_however_they_are_cut_and_nonsense_does_not() {
        let mut arrivals = Arrivals::default();
        for part in ["1", "2\n3", "4\nnonsense\n5"] {
            arrivals.push(part.as_bytes());
        }
        assert_eq!(arrivals.delays.len(), 2);
        assert!(arrivals.delays.iter().all(|delay| *delay > 0.0));
    }
}
