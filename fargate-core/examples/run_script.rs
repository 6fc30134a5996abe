//! Run a script on a backend: launch a task, wait until it accepts commands, run, stop.
//!
//! The backend is this machine, so nothing needs to be set up; with `EcsLauncher` in place of
//! `LocalLauncher` the same lines run on AWS.
//!
//! ```sh
//! cargo run -p fargate-core --example run_script -- 'echo hello; exit 3'
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to people")]

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fargate_backend_local::{LocalConfig, LocalLauncher};
use fargate_core::{
    Collected, ExecRequest, ExitStatus, Pace, RemoteExec, Result, TaskKey, TaskLauncher,
    TaskLauncherExt, TaskSpec,
};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_task_agent::AgentArgs;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Launches one task, runs `script` on it and stops it, whatever happens in between.
async fn run(launcher: &dyn TaskLauncher, script: String) -> Result<(ExitStatus, Collected)> {
    let key = SshKey::generate()?;
    let name = format!("example-{}", std::process::id());
    let spec =
        TaskSpec::new(TaskKey::new(name)?, TaskKey::new("example")?, key.public_line("example")?)
            .deadline(Duration::from_secs(600));

    let task = launcher.launch(&spec).await?;
    let exec = SshExec::new(SshConfig::default(), key);
    let result = async {
        let deadline = Instant::now() + Duration::from_secs(30);
        let cancel = CancellationToken::new();
        let at =
            launcher.wait_ready(&task, &exec, &Pace::local(), deadline, &cancel, |_| {}).await?;
        let mut out = Collected::default();
        let status = exec.exec(&at, ExecRequest::script(script), &mut out).await?;
        Ok((status, out))
    }
    .await;
    launcher.stop(&task, Duration::from_secs(5)).await?;
    result
}

/// The example is its own agent: started with `agent` it becomes the inside of a local task.
#[derive(Parser)]
enum Cli {
    Agent(AgentArgs),
}

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    if args.nth(1).as_deref() == Some("agent".as_ref()) {
        let Cli::Agent(args) = Cli::parse();
        return fargate_task_agent::run(args).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    let script = std::env::args().nth(1).unwrap_or_else(|| "echo hello from a task".to_owned());
    let directory = std::env::temp_dir().join(format!("fargate-example-{}", std::process::id()));
    let this = std::env::current_exe().expect("this program has a path");
    let agent: Vec<OsString> = vec![this.into(), "agent".into()];
    let launcher = LocalLauncher::new(LocalConfig::new(directory.clone(), agent));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let result = runtime.block_on(run(&launcher, script));
    std::fs::remove_dir_all(directory).ok();
    match result {
        Ok((status, out)) => {
            print!("{}", out.stdout_text());
            eprint!("{}", out.stderr_text());
            ExitCode::from(u8::try_from(status.shell_code()).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::FAILURE
        }
    }
}
