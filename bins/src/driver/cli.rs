use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  fargate try job.sh                      run a script as a job on this machine
  echo 'make test' | fargate try -        the same from standard input
  fargate --config fargate.toml try a.sh  run it on the configured backend
  fargate --config fargate.toml check-config
  fargate --config fargate.toml gc --dry-run

In GitLab Runner's config.toml:
  [runners.custom]
    config_exec  = \"/usr/local/bin/fargate\"
    config_args  = [\"--config\", \"/etc/gitlab-runner/fargate.toml\", \"custom\", \"config\"]
    prepare_exec = \"/usr/local/bin/fargate\"
    prepare_args = [\"--config\", \"/etc/gitlab-runner/fargate.toml\", \"custom\", \"prepare\"]
    run_exec     = \"/usr/local/bin/fargate\"
    run_args     = [\"--config\", \"/etc/gitlab-runner/fargate.toml\", \"custom\", \"run\"]
    cleanup_exec = \"/usr/local/bin/fargate\"
    cleanup_args = [\"--config\", \"/etc/gitlab-runner/fargate.toml\", \"custom\", \"cleanup\"]";

/// GitLab CI jobs on AWS Fargate, or on this machine.
#[derive(Debug, Parser)]
#[command(name = "fargate", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(disable_version_flag = true)]
pub struct Cli {
    /// The TOML configuration [default: config.toml; `try`: this machine, without a file]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log at level debug
    #[arg(long, global = true)]
    pub debug: bool,
    /// Log level: trace, debug, info, warn, error
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Write the log to this file instead of standard error
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<String>,
    /// Log format: text, text-simple, json
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// The ECS task definition [env: CUSTOM_ENV_FARGATE_TASK_DEFINITION]
    #[arg(long, global = true, value_name = "TASK_DEFINITION")]
    pub task_def: Option<String>,
    /// The Fargate platform version [env: CUSTOM_ENV_FARGATE_PLATFORM_VERSION]
    #[arg(long, global = true, value_name = "VERSION")]
    pub platform_version: Option<String>,
    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The stages GitLab Runner's custom executor calls
    #[command(visible_alias = "c", subcommand)]
    Custom(Stage),
    /// Run a script through all stages, as GitLab Runner would
    Try(TryArgs),
    /// Show every setting with its origin; fail on any warning
    CheckConfig,
    /// Delete task definitions that were derived for images and are not used any more
    Gc(GcArgs),
    /// What the operator lets jobs choose
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or write one per command into a directory
    Man {
        /// Where to write; standard output when absent
        directory: Option<PathBuf>,
    },
    /// Be the agent inside a local task
    #[command(hide = true)]
    Agent(fargate_task_agent::AgentArgs),
}

/// A stage of the custom executor.
#[derive(Debug, Subcommand)]
pub enum Stage {
    /// Tell GitLab Runner about this driver
    #[command(visible_alias = "co")]
    Config,
    /// Start the job's task and wait until it accepts commands
    #[command(visible_alias = "p")]
    Prepare,
    /// Run one script on the job's task
    #[command(visible_alias = "r")]
    Run {
        /// The script's file
        script: PathBuf,
        /// The stage's name, such as build_script
        stage: String,
    },
    /// Stop the job's task
    #[command(visible_alias = "cl")]
    Cleanup,
}

/// What to ask of the policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what a job would get, and what decides that; fail if it is refused
    Explain(ExplainArgs),
}

/// The job to explain.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The job response, as GitLab Runner writes it to JOB_RESPONSE_FILE
    #[arg(long, value_name = "FILE")]
    pub job: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to try.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// The script's file, or - for standard input
    pub script: PathBuf,
    /// A job variable; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    pub env: Vec<(String, String)>,
    /// The image the job asks for, as after `image:`
    #[arg(long, value_name = "IMAGE", default_value = "", hide_default_value = true)]
    pub image: String,
}

/// What to delete.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// How long a task definition must not have been used, such as 30d or 12h
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = humantime::parse_duration)]
    pub older_than: Duration,
    /// Only say what would be deleted, and why the rest is kept
    #[arg(long)]
    pub dry_run: bool,
    /// Say of the rest why it is kept
    #[arg(long)]
    pub verbose: bool,
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    let mut bytes = name.bytes();
    let good = bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric());
    if !good {
        return Err(format!("{name:?} is no variable name: letters, digits and _, no digit first"));
    }
    if value.contains('\0') {
        return Err("a value cannot hold a zero byte".into());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Accepts what the Go driver's parser accepted beyond ours: long flags with one dash
/// (`-config x`) and values on switches (`--debug=true`), before the command.
pub fn compatible(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const LONG: [&str; 9] = [
        "config",
        "debug",
        "log-level",
        "log-file",
        "log-format",
        "task-def",
        "platform-version",
        "help",
        "version",
    ];
    let mut mapped = Vec::new();
    let mut before_command = true;
    let mut value_follows = false;
    for (at, arg) in args.into_iter().enumerate() {
        let text = arg.to_str().unwrap_or_default().to_owned();
        if at == 0 || !before_command || value_follows {
            value_follows = false;
            mapped.push(arg);
            continue;
        }
        let bare = text.trim_start_matches('-');
        let dashes = text.len() - bare.len();
        let name = bare.split('=').next().unwrap_or_default();
        if dashes == 0 {
            before_command = false;
            mapped.push(arg);
        } else if matches!(dashes, 1 | 2) && LONG.contains(&name) {
            match bare {
                "debug=true" => mapped.push("--debug".into()),
                "debug=false" => {}
                _ => mapped.push(format!("--{bare}").into()),
            }
            value_follows = !bare.contains('=') && !matches!(name, "debug" | "help" | "version");
        } else {
            mapped.push(arg);
        }
    }
    mapped
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(compatible(line.split(' ').map(OsString::from)))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_spelling_of_the_go_driver_is_understood() {
        for custom in ["custom", "c"] {
            for (names, check) in [
                (["config", "co"], (|s| matches!(s, Stage::Config)) as fn(&Stage) -> bool),
                (["prepare", "p"], |s| matches!(s, Stage::Prepare)),
                (["cleanup", "cl"], |s| matches!(s, Stage::Cleanup)),
            ] {
                for name in names {
                    let cli = parse(&format!("fargate --config f.toml {custom} {name}")).unwrap();
                    assert!(matches!(cli.command, Command::Custom(stage) if check(&stage)));
                    assert_eq!(cli.config, Some("f.toml".into()));
                }
            }
            for run in ["run", "r"] {
                let cli = parse(&format!("fargate -config f {custom} {run} /tmp/s build_script"));
                assert!(matches!(cli.unwrap().command, Command::Custom(Stage::Run { stage, .. })
                    if stage == "build_script"));
            }
        }
        let all = "fargate --config f -debug=true --log-level warn --log-file l --log-format json \
                   --task-def td:1 -platform-version 1.4.0 custom config";
        let cli = parse(&all.split_whitespace().collect::<Vec<_>>().join(" ")).unwrap();
        assert!(cli.debug);
        assert_eq!(cli.task_def.as_deref(), Some("td:1"));
        assert_eq!(cli.platform_version.as_deref(), Some("1.4.0"));
        assert!(parse("fargate custom run /tmp/script").is_err());
    }

    #[test]
    fn a_value_that_looks_like_a_flag_stays_a_value() {
        let args =
            compatible(["fargate", "-log-file", "-debug", "custom", "-x"].map(OsString::from));
        assert_eq!(args, ["fargate", "--log-file", "-debug", "custom", "-x"].map(OsString::from));
    }

    #[test]
    fn variables_need_a_name() {
        assert_eq!(parse_variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        for bad in ["A", "=b", "1A=b", "A B=c", "A=\0"] {
            assert!(parse_variable(bad).is_err(), "{bad:?}");
        }
    }
}
