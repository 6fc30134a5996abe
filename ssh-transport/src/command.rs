use fargate_core::{ExitStatus, Result};
use russh::ChannelMsg;

use crate::connect::Connection;
use crate::error;
use crate::target::Target;

/// Runs a short command whose output nobody needs. `None` when no exit status came.
pub(crate) async fn run(
    connection: &Connection,
    target: &Target,
    op: &'static str,
    command: String,
) -> Result<Option<ExitStatus>> {
    let (mut read, write) = connection.session().await?.split();
    write.exec(true, command).await.map_err(|_| error::dropped(target, connection.learnt()))?;
    // A left-behind process of a login shell's start-up files does not matter here.
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::ExitStatus { exit_status } => {
                return Ok(Some(ExitStatus::Code(exit_status)));
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                return Ok(Some(ExitStatus::Signal(format!("{signal_name:?}"))));
            }
            ChannelMsg::Failure => return Err(error::no_commands(target, op)),
            _ => {}
        }
    }
    Ok(None)
}
