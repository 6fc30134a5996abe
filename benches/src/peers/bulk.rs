//! Throughput and its price in processor time.

use std::fs::{self, File};
use std::io;

use super::clients::{GO, LIBSSH2, OURS, RUSSH, SSH};
use super::place::{LIMIT, Place};
use super::report::{Goal, Report, Row};
use super::turns::Turns;
use crate::args::Login;
use crate::child::{Sample, run_counting, run_reading};
use crate::source::Source;
use crate::workload::{STORE, large_script, remote};

const SPEED: &str = "times as fast";
const CPU: &str = "client CPU";

fn row(work: &'static str, against: &'static str, measure: &'static str, goal: Goal) -> Row {
    Row { work, against, measure, unit: "×", goal }
}

fn output(
    place: &Place,
    client: &'static str,
    login: &Login,
    command: &str,
    bytes: u64,
) -> io::Result<Sample> {
    let mut command = place.clients.command(client, &place.site, login, command)?;
    run_counting(&mut command, LIMIT, bytes)
}

/// The standard output of a child, from both servers.
///
/// # Errors
/// When a client fails or bytes are missing.
pub fn stdout(place: &Place, report: &mut Report) -> io::Result<()> {
    const OURS_AGENT: &str = "ours from agent";
    const SSH_AGENT: &str = "ssh from agent";
    let bytes = place.size(1 << 30, 128 << 20);
    let command = remote(&format!("zero {bytes}"))?;
    let clients = [OURS, SSH, GO, LIBSSH2, RUSSH, OURS_AGENT, SSH_AGENT];
    let turns =
        Turns::take(place.size(7, 2), &place.clients.among(&clients), |client| match client {
            OURS_AGENT => output(place, OURS, &place.agent, &command, bytes),
            SSH_AGENT => output(place, SSH, &place.agent, &command, bytes),
            _ => output(place, client, &place.sshd, &command, bytes),
        })?;
    let work = "bulk stdout, sshd";
    report.goal(row(work, SSH, SPEED, Goal::AtLeast(0.95)), turns.speed(OURS, SSH));
    report.goal(row(work, SSH, CPU, Goal::AtMost(0.8)), turns.cpu(OURS, SSH));
    report.goal(row(work, GO, SPEED, Goal::AtLeast(1.5)), turns.speed(OURS, GO));
    report.goal(row(work, GO, CPU, Goal::AtMost(0.35)), turns.cpu(OURS, GO));
    let work = "bulk stdout, agent";
    let goal = Goal::AtLeast(1.4);
    report.goal(row(work, "ssh from sshd", SPEED, goal), turns.speed(OURS_AGENT, SSH));
    let share = turns.cpu(OURS_AGENT, SSH_AGENT);
    report.goal(row(work, SSH_AGENT, CPU, Goal::AtMost(0.85)), share);
    report.goal(row("the same, with two copies fewer", SSH_AGENT, CPU, Goal::AtMost(0.7)), share);
    report.clients("bulk stdout", &turns, Some(bytes));
    Ok(())
}

/// An upload that the server keeps in a file without a name, as our transport does with a script.
///
/// # Errors
/// When a client fails or bytes are missing.
pub fn upload(place: &Place, report: &mut Report) -> io::Result<()> {
    let bytes: usize = place.size(256 << 20, 32 << 20);
    let file = place.site.directory().join("upload");
    fs::write(&file, large_script(bytes))?;
    let turns = Turns::take(place.size(7, 2), &place.clients.among(&[OURS, SSH, GO]), |client| {
        if client == OURS {
            let what = file.display().to_string();
            let mut command = place.clients.ours("script", &place.sshd, &what);
            return run_counting(&mut command, LIMIT, 0);
        }
        let mut command = place.clients.command(client, &place.site, &place.sshd, STORE)?;
        let (sample, counted) = run_reading(command.stdin(File::open(&file)?), LIMIT)?;
        if counted.trim() != bytes.to_string() {
            return Err(io::Error::other(format!("{counted} of {bytes} bytes arrived")));
        }
        Ok(sample)
    })?;
    fs::remove_file(&file)?;
    report.goal(row("upload, sshd", SSH, SPEED, Goal::AtLeast(0.9)), turns.speed(OURS, SSH));
    report.goal(row("upload, sshd", SSH, CPU, Goal::AtMost(0.7)), turns.cpu(OURS, SSH));
    report.clients("upload", &turns, Some(bytes as u64));
    Ok(())
}

/// Lines as a program writes them through the C library's buffer.
///
/// # Errors
/// When a client fails or bytes are missing.
pub fn lines(place: &Place, report: &mut Report) -> io::Result<()> {
    const LINE: u64 = 25;
    let count: u64 = place.size(20_000_000, 2_000_000);
    let command = remote(&format!("lines {count}"))?;
    let turns = Turns::take(place.size(5, 2), &place.clients.among(&[OURS, SSH, GO]), |client| {
        output(place, client, &place.sshd, &command, count * LINE)
    })?;
    report.goal(row("log lines, 500 MB", SSH, CPU, Goal::AtMost(0.8)), turns.cpu(OURS, SSH));
    report.clients("log lines, sshd", &turns, Some(count * LINE));
    Ok(())
}

/// Small packets, from a server that makes nothing else.
///
/// # Errors
/// When a client fails or bytes are missing.
pub fn packets(place: &Place, report: &mut Report) -> io::Result<()> {
    const SIZE: usize = 100;
    let count: u64 = place.size(1_000_000, 100_000);
    let source = Source::start(count, SIZE)?;
    let login = place.site.login(source.port(), source.host_key().to_owned());
    let bytes = count * SIZE as u64;
    let clients = place.clients.among(&[OURS, SSH, GO]);
    let turns = Turns::take(place.size(5, 2), &clients, |client| {
        output(place, client, &login, "packets", bytes)
    })?;
    let work = "packets of 100 bytes, one million";
    report.goal(row(work, SSH, CPU, Goal::AtMost(1.3)), turns.cpu(OURS, SSH));
    report.clients("packets of 100 bytes", &turns, Some(bytes));
    Ok(())
}
