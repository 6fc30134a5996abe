//! Many sessions at once: one process of ours, or one `ssh` for each.

use std::io::{self, Read};
use std::process::{Child, Stdio};
use std::time::Duration;

use wait4::Wait4;

use super::clients::{SSH, ssh};
use super::place::{LIMIT, Place};
use super::report::{Goal, Report, Row};
use crate::child::run_reading;
use crate::process;
use crate::stats::Spread;

/// Memory and processor time of sessions that are all open at the same time, to our agent.
///
/// # Errors
/// When a client fails.
pub fn sessions(place: &Place, report: &mut Report) -> io::Result<()> {
    let count: usize = place.size(200, 50);
    let (mut each, mut ssh_each, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..place.size(3, 1) {
        let mut ours = place.clients.ours("many", &place.agent, &count.to_string());
        let (sample, text) = run_reading(&mut ours, LIMIT)?;
        let resident: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
        let Ok([one, all]) = resident.as_deref() else {
            return Err(io::Error::other(format!("not two numbers: {text}")));
        };
        each.push((all - one) / (count - 1) as f64 / 1e3);
        let (memory, cpu) = ssh_processes(place, count)?;
        ssh_each.push(memory / count as f64 / 1e3);
        ratios.push(sample.cpu.as_secs_f64() / cpu.as_secs_f64());
    }
    let work = place.size("200 sessions at once, agent", "50 sessions at once, agent");
    let row = |against, measure, unit, goal| Row { work, against, measure, unit, goal };
    let goal = Goal::AtMost(100.0);
    report.goal(row("–", "resident memory of each", " KB", goal), Spread::of(&each));
    let measure = "proportional memory of each `ssh`";
    report.goal(row("–", measure, " KB", Goal::None), Spread::of(&ssh_each));
    let against = place.size("200 `ssh`", "50 `ssh`");
    report.goal(row(against, "client CPU", "×", Goal::AtMost(0.1)), Spread::of(&ratios));
    Ok(())
}

/// Memory of all together in bytes, and their processor time.
fn ssh_processes(place: &Place, count: usize) -> io::Result<(f64, Duration)> {
    let mut all = Processes(Vec::new());
    for _ in 0..count {
        let mut command = ssh(&place.site, &place.agent)?;
        command.args(["127.0.0.1", "echo up; exec sleep 120"]).stdout(Stdio::piped());
        all.0.push(command.spawn()?);
    }
    for child in &mut all.0 {
        let mut up = [0; 3];
        let out = child.stdout.as_mut().ok_or_else(|| io::Error::other("no pipe"))?;
        out.read_exact(&mut up)
            .map_err(|error| io::Error::other(format!("one {SSH} of {count}: {error}")))?;
    }
    let memory: u64 = all.0.iter().filter_map(|child| process::proportional(child.id())).sum();
    let mut cpu = Duration::ZERO;
    for mut child in all.0.drain(..) {
        child.kill()?;
        let used = child.wait4()?.rusage;
        cpu += used.utime + used.stime;
    }
    Ok((memory as f64, cpu))
}

/// Killed when an error leaves them behind.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
