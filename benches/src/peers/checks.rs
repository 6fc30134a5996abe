//! What must never be traded for speed: exit codes, and every byte across re-keying.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::clients::OURS;
use super::place::{LIMIT, Place};
use super::report::{Goal, Report, Row};
use crate::args::Login;
use crate::child::{run, run_reading};
use crate::stats::Spread;
use crate::workload::{Noise, remote};

/// Short commands, each with its own exit code and a line of output: the share that is right.
///
/// # Errors
/// When the client fails.
pub fn exit_codes(place: &Place, report: &mut Report) -> io::Result<()> {
    let from_agent: u32 = place.size(2000, 100);
    let from_sshd: u32 = place.size(1000, 50);
    let right = |login: &Login, count: u32| -> io::Result<f64> {
        let mut command = place.clients.ours("exits", login, &count.to_string());
        let (_, text) = run_reading(&mut command, LIMIT * 2)?;
        text.trim().parse().map_err(io::Error::other)
    };
    let right = right(&place.agent, from_agent)? + right(&place.sshd, from_sshd)?;
    let row = Row {
        work: place.size("exit codes of 3,000 short commands", "exit codes of 150 short commands"),
        against: "–",
        measure: "right",
        unit: " %",
        goal: Goal::AtLeast(100.0),
    };
    report.goal(row, Spread::of(&[right * 100.0 / f64::from(from_agent + from_sshd)]));
    Ok(())
}

/// The digest of a stream whose keys are exchanged anew after every 4 MiB.
///
/// # Errors
/// When the client fails.
pub fn rekeying(place: &Place, report: &mut Report) -> io::Result<()> {
    let bytes = place.size(4 << 30, 128 << 20);
    let (_sshd, login) = place.site.sshd(&["RekeyLimit 4M"]);
    let noise = remote(&format!("noise {bytes}"))?;
    let mut command = place.clients.command(OURS, &place.site, &login, &noise)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    run(&mut command, LIMIT, &mut |out| {
        let read = out.read(&mut buffer)?;
        hash.update(&buffer[..read]);
        Ok(read)
    })?;
    let same = hash.finalize()[..] == Noise::digest(bytes)[..];
    let row = Row {
        work: place.size(
            "SHA-256 of 4 GiB, new keys each 4 MiB, sshd",
            "SHA-256 of 128 MiB, new keys each 4 MiB, sshd",
        ),
        against: "–",
        measure: "right",
        unit: " %",
        goal: Goal::AtLeast(100.0),
    };
    report.goal(row, Spread::of(&[if same { 100.0 } else { 0.0 }]));
    Ok(())
}
