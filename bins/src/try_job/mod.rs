//! `fargate try`: GitLab Runner in small.
//!
//! Calls this same program for each stage, as a child process with the environment, the working
//! directory and the script files GitLab Runner gives it. Unlike the runner it does not repeat a
//! failed prepare.

mod child;
mod room;
mod script;

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use fargate_core::{Error, ErrorKind, Result};

use self::child::Stages;
use self::room::Room;
pub use self::script::stage_script;
use crate::driver::{Cli, TryArgs, cancelled_by_signal, say, say_error, seconds};
use crate::exit::Exit;

/// Runs the script as a job and returns its own exit code.
///
/// # Errors
/// Whatever keeps the job from being set up. What fails in a stage is told by that stage.
pub(crate) async fn run(cli: &Cli, args: &TryArgs) -> Result<Exit> {
    // Before the signal handlers: a person who types the script must be able to end it.
    let script = read_script(&args.script)?;
    let cancel = cancelled_by_signal()?;
    let room = Room::new(cli.config.as_deref(), &args.env, &args.image)?;
    let mut job = Job { stages: Stages::new(cli, &room, cancel), room: &room, times: Vec::new() };
    let exit = job.run(&script).await;
    say(&job.summary());
    // The script's end is the news, whatever becomes of the directory.
    if let Err(error) = room.close() {
        say_error(&error);
    }
    exit
}

fn read_script(path: &Path) -> Result<Vec<u8>> {
    let mut script = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut script)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut script))
    };
    let failed = |why: String| {
        Error::new(
            ErrorKind::InvalidConfig,
            "read the script",
            format!("{}: {why}", path.display()),
        )
    };
    read.map_err(|error| failed(error.to_string()))?;
    if script.contains(&0) {
        return Err(failed("it holds a zero byte, so it is no shell script".into()));
    }
    Ok(script)
}

struct Job<'a> {
    stages: Stages<'a>,
    room: &'a Room,
    times: Vec<(&'static str, Duration)>,
}

impl Job<'_> {
    /// All stages in the runner's order; cleanup whatever happened before.
    async fn run(&mut self, script: &[u8]) -> Result<Exit> {
        let outcome = self.until_script(script).await;
        let started = Instant::now();
        let cleaned = self.stages.cleanup().await;
        self.times.push(("cleanup", started.elapsed()));
        let exit = outcome?;
        // A script's own failure says more than a cleanup's, which has told its reason.
        if cleaned? || exit != Exit::SUCCESS { Ok(exit) } else { Ok(Exit::INFRASTRUCTURE) }
    }

    async fn until_script(&mut self, script: &[u8]) -> Result<Exit> {
        let started = Instant::now();
        let config = self.stages.config().await?;
        self.times.push(("config", started.elapsed()));
        if let Some(exit) = config {
            return Ok(exit);
        }
        let started = Instant::now();
        let prepared = self.stages.prepare().await?;
        self.times.push(("prepare", started.elapsed()));
        if let Some(exit) = prepared {
            return Ok(exit);
        }
        let greeting = b"echo \"Running on $(hostname) as $(id -un)\"\n";
        for (stage, text) in [("prepare_script", &greeting[..]), ("build_script", script)] {
            let file = self.room.write_script(&stage_script(text, self.room.variables()))?;
            let started = Instant::now();
            let ended = self.stages.script(&file, stage).await?;
            self.times.push((stage, started.elapsed()));
            if let Some(exit) = ended {
                return Ok(exit);
            }
        }
        Ok(Exit::SUCCESS)
    }

    fn summary(&self) -> String {
        let times: Vec<_> =
            self.times.iter().map(|(name, time)| format!("{name} {}", seconds(*time))).collect();
        format!("Phases: {}", times.join(", "))
    }
}
