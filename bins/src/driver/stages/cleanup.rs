use fargate_core::Result;
use fargate_core::job::Cleaned;

use super::open_life;
use crate::driver::cli::Cli;
use crate::driver::context::{Moment, start};
use crate::driver::signals;
use crate::exit::Exit;

/// Stops the job's task and forgets it.
pub(in crate::driver) async fn cleanup(cli: &Cli) -> Result<Exit> {
    signals::ignore()?;
    let settings = start(cli, Moment::Later)?;
    let (_, life) = open_life(&settings)?;
    match life.cleanup().await? {
        Cleaned::Nothing => tracing::debug!("nothing to clean up"),
        Cleaned::Stopped(tasks) => tracing::debug!(tasks, "stopped"),
    }
    Ok(Exit::SUCCESS)
}
