//! A reader of 1 MiB/s and a writer without an end: how much memory the client takes.

use std::io::{self, Read};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::clients::{GO, OURS, SSH};
use super::place::Place;
use super::report::{Goal, Report, Row};
use crate::child::{Sample, run_cut};
use crate::stats::Spread;
use crate::workload::remote;

const RATE: u64 = 1 << 20;

/// Peak resident memory over a process with nothing to pass on.
///
/// # Errors
/// When a client fails before its time is over.
pub fn reader(place: &Place, report: &mut Report) -> io::Result<()> {
    let time = place.size(Duration::from_secs(60), Duration::from_secs(5));
    let work = "stalled reader, endless writer, agent";
    for client in place.clients.among(&[OURS, SSH, GO]) {
        // The others are there for comparison; they do not need as long.
        let time = if client == OURS { time } else { time / 4 };
        let idle =
            place.clients.command(client, &place.site, &place.agent, "echo; exec sleep 1")?;
        let idle = slow(idle, Duration::from_secs(10))?;
        let endless = remote("endless")?;
        let command = place.clients.command(client, &place.site, &place.agent, &endless)?;
        let busy = slow(command, time)?;
        if busy.bytes < RATE / 2 * time.as_secs() {
            return Err(io::Error::other(format!("{client} passed on only {} bytes", busy.bytes)));
        }
        let over = busy.peak.saturating_sub(idle.peak) as f64 / 1e6;
        let goal = if client == OURS { Goal::AtMost(12.0) } else { Goal::None };
        let against = if client == OURS { "–" } else { client };
        let measure = "peak memory over idle";
        report.goal(Row { work, against, measure, unit: " MB", goal }, Spread::of(&[over]));
    }
    Ok(())
}

/// Reads at 1 MiB/s until `time` is over, then ends the client.
///
/// # Errors
/// When the client does not start.
pub fn slow(mut command: Command, time: Duration) -> io::Result<Sample> {
    let began = Instant::now();
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0_u64;
    run_cut(&mut command, time * 4 + Duration::from_secs(60), &mut |out| {
        let due = Duration::from_secs_f64(total as f64 / RATE as f64);
        #[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
        thread::sleep(due.saturating_sub(began.elapsed()));
        if began.elapsed() >= time {
            return Ok(0);
        }
        let read = out.read(&mut buffer)?;
        total += read as u64;
        Ok(read)
    })
}
