//! What the command line, the environment and the file come to together.

use std::path::{Path, PathBuf};

use fargate_core::{Error, ErrorKind, Result};

use super::cli::Cli;
use super::task_definition;
use crate::config::{Loaded, Origin, Settings, Value, keys, load};
use crate::environment::{self, Lookup, text};
use crate::telemetry;

/// The file that is read when none is named, as in the Go driver.
const DEFAULT_FILE: &str = "config.toml";

/// Reads the file and applies flags and variables: flag, then variable, then file.
///
/// # Errors
/// `InvalidConfig`.
pub(super) fn load_settings(cli: &Cli, get: Lookup<'_>) -> Result<(PathBuf, Loaded)> {
    let path = cli.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let mut loaded = load(&path)?;
    apply(cli, get, &mut loaded.settings);
    Ok((path, loaded))
}

fn apply(cli: &Cli, get: Lookup<'_>, settings: &mut Settings) {
    let mut flag = |path, value: &Option<String>, name| {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            settings.set(path, Value::Text(value.clone()), Origin::Flag(name));
        }
    };
    flag(keys::LOG_LEVEL, &cli.log_level.as_ref().map(|level| level.to_lowercase()), "--log-level");
    flag(keys::LOG_FILE, &cli.log_file, "--log-file");
    flag(keys::LOG_FORMAT, &cli.log_format, "--log-format");
    if cli.debug {
        settings.set(keys::LOG_LEVEL, Value::Text("debug".into()), Origin::Flag("--debug"));
    }
    let overrides = [
        (keys::TASK_DEFINITION, &cli.task_def, "--task-def", task_definition::VARIABLE),
        (
            keys::PLATFORM_VERSION,
            &cli.platform_version,
            "--platform-version",
            "CUSTOM_ENV_FARGATE_PLATFORM_VERSION",
        ),
    ];
    for (path, flag_value, flag, variable) in overrides {
        if let Some(value) = flag_value.clone().filter(|value| !value.is_empty()) {
            settings.set(path, Value::Text(value), Origin::Flag(flag));
        } else if task_definition::may_be_chosen(settings, path)
            && let Some(value) = text(get, variable).filter(|value| !value.is_empty())
        {
            settings.set(path, Value::Text(value), Origin::Variable(variable));
        }
    }
}

/// Where in a job's life a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Nothing has begun: whatever is odd may end the job.
    Config,
    /// The one stage that tells of what is odd but not wrong.
    Prepare,
    /// A task runs: nothing may keep it from being used and stopped.
    Later,
}

/// Everything a stage starts with: settings that are complete, and a log that is on.
pub(super) fn start(cli: &Cli, moment: Moment) -> Result<Settings> {
    let (path, loaded) = load_settings(cli, &environment::process)?;
    if let Err(error) = telemetry::start(&loaded.settings) {
        if moment == Moment::Config {
            return Err(error);
        }
        telemetry::start_plain();
        tracing::warn!("{}", error.report());
    }
    if moment == Moment::Prepare {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
    }
    loaded.require(&path)?;
    Ok(loaded.settings)
}

/// The directory of the jobs' metadata.
pub(crate) fn metadata_directory(settings: &Settings) -> Result<PathBuf> {
    if let Some(directory) = settings.path(keys::METADATA_DIRECTORY) {
        return Ok(directory);
    }
    // Only a backend that does not require the key comes here.
    local_directory(settings).map(|directory| directory.join("metadata"))
}

/// Where local tasks live.
pub(crate) fn local_directory(settings: &Settings) -> Result<PathBuf> {
    if let Some(directory) = settings.path(keys::LOCAL_DIRECTORY) {
        return absolute(&directory);
    }
    let variable = |name| environment::process(name).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| home.join(".local/state"));
    state.or_else(home).map(|state| state.join("fargate")).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidConfig,
            "find a directory for local tasks",
            "neither [Local] Directory nor HOME is set",
        )
        .hint("set Directory in section [Local]")
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::new(
            ErrorKind::InvalidConfig,
            "read the configuration",
            format!("[Local] Directory: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::load_text;

    fn applied(args: &[&str], variables: &[(&str, &str)], file: &str) -> Settings {
        let cli =
            Cli::try_parse_from([&["fargate"], args, &["custom", "config"]].concat()).unwrap();
        let mut settings = load_text(file, Path::new("c.toml")).unwrap().settings;
        let get = |name: &str| {
            variables.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).into())
        };
        apply(&cli, &get, &mut settings);
        settings
    }

    const FILE: &str = "[Fargate]\nTaskDefinition = 'file'\nPlatformVersion = '1.3.0'\n";

    #[test]
    fn where_there_is_a_policy_a_job_chooses_no_definition_that_nobody_allows() {
        let variable = [("CUSTOM_ENV_FARGATE_TASK_DEFINITION", "variable")];
        for (more, chosen) in [
            ("", "variable"),
            ("AgentImage = 'a:1'\n", "file"),
            ("[Policy]\nMaxCPU = 1024\n", "file"),
            ("AgentImage = 'a:1'\nAllowedTaskDefinitions = ['v*']\n", "variable"),
        ] {
            let settings = applied(&[], &variable, &format!("{FILE}{more}"));
            assert_eq!(settings.text(keys::TASK_DEFINITION), Some(chosen), "{more}");
        }
    }

    #[test]
    fn a_flag_beats_a_variable_beats_the_file() {
        let variable = [("CUSTOM_ENV_FARGATE_TASK_DEFINITION", "variable")];
        let by_file = applied(&[], &[], FILE);
        assert_eq!(by_file.text(keys::TASK_DEFINITION), Some("file"));
        let by_variable = applied(&[], &variable, FILE);
        assert_eq!(by_variable.text(keys::TASK_DEFINITION), Some("variable"));
        let by_flag = applied(&["--task-def", "flag"], &variable, FILE);
        assert_eq!(by_flag.text(keys::TASK_DEFINITION), Some("flag"));
        assert_eq!(by_flag.text(keys::PLATFORM_VERSION), Some("1.3.0"));
    }
}
