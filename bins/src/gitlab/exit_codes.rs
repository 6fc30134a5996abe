use std::io::Write;
use std::path::PathBuf;

use fargate_core::{Error, ErrorKind, ExitStatus, Result};

use crate::environment::Lookup;
use crate::exit::Exit;

/// The codes GitLab Runner wants, and the file it reads the script's own code from.
///
/// Runner's custom executor documents `BUILD_FAILURE_EXIT_CODE` and `SYSTEM_FAILURE_EXIT_CODE`;
/// `BUILD_EXIT_CODE_FILE` came with 17.9 and makes `allow_failure:exit_codes` work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitCodes {
    /// The script failed.
    pub build_failure: Exit,
    /// Anything else failed.
    pub system_failure: Exit,
    file: Option<PathBuf>,
}

impl ExitCodes {
    /// Reads them from the environment.
    ///
    /// # Errors
    /// `InvalidConfig` when a code is no number from 1 to 255.
    pub fn from_env(get: Lookup<'_>) -> Result<Self> {
        let code = |name: &'static str, default: Exit| match get(name) {
            None => Ok(default),
            Some(value) => match value.to_string_lossy().parse() {
                Ok(code) if code != 0 => Ok(Exit(code)),
                _ => Err(Error::new(
                    ErrorKind::InvalidConfig,
                    "read GitLab Runner's exit codes",
                    format!("{name} is {value:?}, not a number from 1 to 255"),
                )),
            },
        };
        Ok(Self {
            // The values GitLab Runner uses today, for a call by hand.
            build_failure: code("BUILD_FAILURE_EXIT_CODE", Exit(1))?,
            system_failure: code("SYSTEM_FAILURE_EXIT_CODE", Exit(2))?,
            file: get("BUILD_EXIT_CODE_FILE").filter(|path| !path.is_empty()).map(PathBuf::from),
        })
    }

    /// Empties the file, so that no earlier stage's code is taken for this one's.
    ///
    /// # Errors
    /// `Unexpected` with the file system's reason.
    pub fn forget(&self) -> Result<()> {
        match &self.file {
            Some(path) if path.exists() => self.write(b""),
            _ => Ok(()),
        }
    }

    /// Turns a script's end into the driver's, noting the script's own code for the runner.
    ///
    /// # Errors
    /// `Unexpected` when the file cannot be written: the runner must not take a stale code.
    pub fn of_script(&self, status: &ExitStatus) -> Result<Exit> {
        if status.is_success() {
            return Ok(Exit::SUCCESS);
        }
        self.write(format!("{}\n", status.shell_code()).as_bytes())?;
        Ok(self.build_failure)
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        std::fs::File::create(path).and_then(|mut file| file.write_all(bytes)).map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                "write the script's exit code",
                format!("{}: {error}", path.display()),
            )
            .hint("check free space and rights of GitLab Runner's temporary directory")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(pairs: &[(&str, &str)]) -> Result<ExitCodes> {
        ExitCodes::from_env(&|name| {
            pairs.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn the_runners_codes_are_used_and_nonsense_is_refused() {
        let codes_ok =
            codes(&[("BUILD_FAILURE_EXIT_CODE", "3"), ("SYSTEM_FAILURE_EXIT_CODE", "4")]).unwrap();
        assert_eq!((codes_ok.build_failure, codes_ok.system_failure), (Exit(3), Exit(4)));
        for bad in ["", "x", "0", "256", "-1"] {
            assert!(codes(&[("BUILD_FAILURE_EXIT_CODE", bad)]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_scripts_code_is_the_first_line_and_a_stale_one_is_gone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let codes = codes(&[("BUILD_EXIT_CODE_FILE", &path)]).unwrap();
        assert_eq!(codes.of_script(&ExitStatus::Code(42)).unwrap(), Exit(1));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "42\n");
        codes.forget().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        assert_eq!(codes.of_script(&ExitStatus::Signal("KILL".into())).unwrap(), Exit(1));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "137\n");
        assert_eq!(codes.of_script(&ExitStatus::Code(0)).unwrap(), Exit::SUCCESS);
    }
}
