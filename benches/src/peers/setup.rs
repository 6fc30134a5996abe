//! Connection set-up: whole processes that run `true`, and `true` on an open connection.

use std::io;
use std::process::Command;
use std::time::Duration;

use super::clients::{GO, LIBSSH2, OURS, PLAIN, RUSSH, SSH, ssh};
use super::place::{LIMIT, Place};
use super::report::{Goal, Report, Row};
use super::turns::Turns;
use crate::args::Login;
use crate::child::{Sample, run_counting, run_reading};
use crate::stats::median;

const SSH_AGENT: &str = "ssh to agent";
const SSH_SSHD: &str = "ssh to sshd";

const SPEED: &str = "times as fast";

/// Whole processes against OpenSSH's server.
///
/// # Errors
/// When a client fails.
pub fn sshd(place: &Place, report: &mut Report) -> io::Result<()> {
    let clients = place.clients.among(&[OURS, PLAIN, SSH, GO, LIBSSH2, RUSSH]);
    let turns =
        Turns::take(place.size(25, 5), &clients, |client| true_at(place, client, &place.sshd))?;
    for (client, work) in
        [(OURS, "whole process, script `true`, sshd"), (PLAIN, "the same as a command, sshd")]
    {
        for (against, least) in [(SSH, 3.3), (GO, 2.2)] {
            let goal = Goal::AtLeast(least);
            let row = Row { work, against, measure: SPEED, unit: "×", goal };
            report.goal(row, turns.speed(client, against));
        }
    }
    report.clients("`true`, sshd", &turns, None);
    Ok(())
}

/// Whole processes against our agent.
///
/// # Errors
/// When a client fails.
pub fn agent(place: &Place, report: &mut Report) -> io::Result<()> {
    let clients = place.clients.among(&[OURS, PLAIN, SSH_SSHD, SSH_AGENT, GO, LIBSSH2, RUSSH]);
    let turns = Turns::take(place.size(25, 5), &clients, |client| match client {
        SSH_SSHD => true_at(place, SSH, &place.sshd),
        SSH_AGENT => true_at(place, SSH, &place.agent),
        _ => true_at(place, client, &place.agent),
    })?;
    for (client, work) in
        [(OURS, "whole process, script `true`, agent"), (PLAIN, "the same as a command, agent")]
    {
        for (against, least) in [(SSH_SSHD, 15.0), (SSH_AGENT, 2.0)] {
            let goal = Goal::AtLeast(least);
            let row = Row { work, against, measure: SPEED, unit: "×", goal };
            report.goal(row, turns.speed(client, against));
        }
    }
    report.clients("`true`, agent", &turns, None);
    Ok(())
}

fn true_at(place: &Place, client: &'static str, login: &Login) -> io::Result<Sample> {
    let mut command = place.clients.command(client, &place.site, login, "true")?;
    run_counting(&mut command, LIMIT, 0)
}

/// `true` on an open connection. The transport opens one connection per script, so for our side
/// this is russh by itself.
///
/// # Errors
/// When a client fails.
pub fn open_connection(place: &Place, report: &mut Report) -> io::Result<()> {
    const REUSE: &str = "russh, open connection";
    const MASTER: &str = "ssh over ControlMaster";
    const EACH: usize = 10;
    let master = Master::start(place)?;
    let turns = Turns::take(place.size(10, 3), &[REUSE, MASTER], |client| {
        let mut sample = Sample::default();
        let mut seconds = Vec::new();
        if client == REUSE {
            let mut command = place.clients.ours("reuse", &place.sshd, &EACH.to_string());
            let text = run_reading(&mut command, LIMIT)?.1;
            for line in text.lines() {
                seconds.push(line.parse::<f64>().map_err(io::Error::other)? / 1e9);
            }
        } else {
            for _ in 0..EACH {
                let run = run_counting(master.ssh()?.args(["127.0.0.1", "true"]), LIMIT, 0)?;
                seconds.push(run.wall.as_secs_f64());
            }
        }
        if seconds.len() != EACH {
            return Err(io::Error::other(format!("{client} ran {} of {EACH}", seconds.len())));
        }
        sample.wall = Duration::from_secs_f64(median(&seconds));
        Ok(sample)
    })?;
    let row = Row {
        work: "exec on an open connection, sshd",
        against: MASTER,
        measure: SPEED,
        unit: "×",
        goal: Goal::AtLeast(3.0),
    };
    report.goal(row, turns.speed(REUSE, MASTER));
    report.clients("`true` on an open connection", &turns, None);
    Ok(())
}

/// A connection of `ssh` that others share (ssh_config(5), `ControlMaster`). Ended on drop.
struct Master<'a>(&'a Place);

impl<'a> Master<'a> {
    fn start(place: &'a Place) -> io::Result<Self> {
        let this = Self(place);
        let status = this.ssh()?.args(["-M", "-N", "-f", "127.0.0.1"]).status()?;
        if status.success() { Ok(this) } else { Err(io::Error::other("ssh -M failed")) }
    }

    fn ssh(&self) -> io::Result<Command> {
        let mut command = ssh(&self.0.site, &self.0.sshd)?;
        command.arg("-S").arg(self.0.site.directory().join("master"));
        Ok(command)
    }
}

impl Drop for Master<'_> {
    fn drop(&mut self) {
        // Without a master this fails, which is as good.
        if let Ok(mut ssh) = self.ssh() {
            ssh.args(["-q", "-O", "exit", "127.0.0.1"]).output().ok();
        }
    }
}
