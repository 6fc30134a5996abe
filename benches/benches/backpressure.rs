//! A sink that takes 1 MiB/s, and a writer that never waits: the peak memory of the client.
//!
//! Memory over a fixed time, so without criterion, which measures time.

use std::io::{self, Write};
use std::time::Duration;

use fargate_benches::args::Login;
use fargate_benches::mode::size;
use fargate_benches::peers::clients::{Clients, OURS};
use fargate_benches::peers::stalled::slow;
use fargate_benches::site::Site;
use fargate_benches::workload::remote;

fn main() -> io::Result<()> {
    let site = Site::new()?;
    let clients = Clients::find()?;
    let (_agent, agent) = site.agent()?;
    let (_sshd, sshd) = site.sshd(&[]);
    let time = size(Duration::from_secs(60), Duration::from_secs(1));
    for (server, login) in [("agent", &agent), ("sshd", &sshd)] {
        let peak = |script: &str, time| -> io::Result<_> {
            let login: &Login = login;
            slow(clients.command(OURS, &site, login, script)?, time)
        };
        let idle = peak("echo; exec sleep 1", Duration::from_secs(5))?;
        let busy = peak(&remote("endless")?, time)?;
        assert!(busy.bytes > 0 && idle.peak > 0, "{server}: {busy:?} {idle:?}");
        writeln!(
            io::stdout(),
            "{server}: {:.1} MB over an idle process of {:.1} MB, after {:.0} s and {:.1} MB",
            busy.peak.saturating_sub(idle.peak) as f64 / 1e6,
            idle.peak as f64 / 1e6,
            busy.wall.as_secs_f64(),
            busy.bytes as f64 / 1e6
        )?;
    }
    Ok(())
}
