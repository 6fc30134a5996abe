//! Long paths: how many round trips a session takes, and what the window lets through.

use std::io;
use std::time::Duration;

use super::clients::{GO, OURS, PLAIN, RUSSH, SSH};
use super::place::{LIMIT, Place};
use super::report::{Goal, Report, Row};
use super::turns::Turns;
use crate::child::{Sample, run_counting};
use crate::relay::Relay;
use crate::stats::Spread;
use crate::workload::remote;

/// Round trips after TCP: what 20 ms more add to a whole process, in units of 20 ms.
///
/// Both paths are long, so that what a relay adds by itself is in both and cancels out.
///
/// # Errors
/// When a client fails.
pub fn round_trips(place: &Place, report: &mut Report) -> io::Result<()> {
    const ROUND_TRIP: Duration = Duration::from_millis(20);
    let clients = place.clients.among(&[OURS, PLAIN, SSH, GO, RUSSH]);
    let near = Relay::start(place.sshd.port, ROUND_TRIP)?;
    let far = Relay::start(place.sshd.port, 2 * ROUND_TRIP)?;
    let mut pairs = Vec::new();
    let turns = Turns::take(place.size(10, 3), &clients, |client| {
        let run = |relay: &Relay| {
            let login = place.sshd.through(relay.port());
            let mut command = place.clients.command(client, &place.site, &login, "true")?;
            run_counting(&mut command, LIMIT, 0)
        };
        let (short, long) = (run(&near)?, run(&far)?);
        pairs.push((client, short.wall, long.wall));
        Ok(short)
    })?;
    for client in [PLAIN, OURS, SSH, GO, RUSSH] {
        let trips: Vec<f64> = pairs
            .iter()
            // The first round does not count.
            .skip(clients.len())
            .filter(|(of, ..)| *of == client)
            .map(|(_, short, long)| {
                (long.as_secs_f64() - short.as_secs_f64()) / ROUND_TRIP.as_secs_f64()
            })
            .collect();
        let row = Row {
            work: "round trips after TCP, 20 ms path",
            against: "–",
            measure: client,
            unit: "",
            goal: if client == PLAIN { Goal::Below(7.0) } else { Goal::None },
        };
        report.goal(row, Spread::of(&trips));
    }
    report.clients("`true`, 20 ms path", &turns, None);
    Ok(())
}

/// Bulk output through a delay.
///
/// # Errors
/// When a client fails or bytes are missing.
pub fn bulk(place: &Place, report: &mut Report) -> io::Result<()> {
    let bytes = place.size(256 << 20, 32 << 20);
    let command = remote(&format!("zero {bytes}"))?;
    for (work, millis) in [("bulk stdout, 20 ms path", 20), ("bulk stdout, 50 ms path", 50)] {
        let relay = Relay::start(place.sshd.port, Duration::from_millis(millis))?;
        let login = place.sshd.through(relay.port());
        let clients = place.clients.among(&[OURS, SSH, GO]);
        let turns = Turns::take(place.size(3, 1), &clients, |client| -> io::Result<Sample> {
            let mut command = place.clients.command(client, &place.site, &login, &command)?;
            run_counting(&mut command, LIMIT, bytes)
        })?;
        let goal = Goal::AtLeast(4.0);
        let row = Row { work, against: SSH, measure: "times as fast", unit: "×", goal };
        report.goal(row, turns.speed(OURS, SSH));
        report.clients(work, &turns, Some(bytes));
    }
    Ok(())
}
