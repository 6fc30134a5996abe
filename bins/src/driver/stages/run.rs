use std::path::Path;

use fargate_core::{Error, ErrorKind, ExecRequest, ExitStatus, Interpreter, Result};

use super::open_life;
use crate::config::keys;
use crate::driver::cli::Cli;
use crate::driver::context::{Moment, start};
use crate::driver::job_log::say;
use crate::driver::output::Output;
use crate::driver::signals::{cancelled_by_signal, explain};
use crate::exit::Exit;
use crate::gitlab::{ExitCodes, stages};

/// Runs one script on the job's task.
pub(in crate::driver) async fn run(
    cli: &Cli,
    codes: &ExitCodes,
    script: &Path,
    stage: &str,
) -> Result<Exit> {
    let cancel = cancelled_by_signal()?;
    let settings = start(cli, Moment::Later)?;
    codes.forget()?;
    let (_, life) = open_life(&settings)?;
    let script = std::fs::read(script).map_err(|error| {
        Error::new(
            ErrorKind::InvalidConfig,
            "read the script",
            format!("{} of stage {stage}: {error}", script.display()),
        )
    })?;
    tracing::debug!(stage, bytes = script.len(), "running a script");
    let interpreter = match settings.text(keys::SHELL) {
        Some("sh") => Interpreter::Sh,
        Some("bash") => Interpreter::Bash,
        _ => Interpreter::BashOrSh,
    };
    let request = ExecRequest::script(script).interpreter(interpreter).cancel(cancel);
    let mut output = Output::new();
    let status = match life.run(stages::container(stage), request, &mut output).await {
        Ok(status) => status,
        Err(error) => {
            output.write_rest().await;
            return Err(explain(error));
        }
    };
    if let ExitStatus::Signal(name) = &status {
        let hint = if name == "KILL" { "; most often that is for want of memory" } else { "" };
        say(&format!(
            "The script was ended by signal {name} (exit code {}){hint}",
            status.shell_code()
        ));
    }
    codes.of_script(&status)
}
