//! Ending a task's agent.

use std::time::Duration;

use fargate_core::{Error, ErrorKind, Result};
use rustix::process::{Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::task_dir::TaskDir;

const LOOK: Duration = Duration::from_millis(5);
/// How long the kernel may take to end a killed process.
const KILLED: Duration = Duration::from_secs(10);

/// Asks the agent to end with all it started, and kills it after `grace`.
pub(crate) async fn end_agent(dir: &TaskDir, grace: Duration) -> Result<()> {
    if ended_after(dir, Signal::TERM, grace).await || ended_after(dir, Signal::KILL, KILLED).await {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unexpected,
        "stop local task",
        format!("its agent in {} does not end, not even killed", dir.path().display()),
    )
    .hint("look for a process in an uninterruptible wait (state D), mostly for a disk or network"))
}

async fn ended_after(dir: &TaskDir, signal: Signal, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    let mut sent = false;
    while dir.is_alive() {
        // A launcher that was killed may not have written the process id; the agent will.
        if !sent && let Some(pid) = dir.pid() {
            match kill_process(pid, signal) {
                Ok(()) => sent = true,
                Err(error) => tracing::debug!(%error, "the agent is ending by itself"),
            }
        }
        if Instant::now() >= until {
            return false;
        }
        sleep(LOOK).await;
    }
    true
}
