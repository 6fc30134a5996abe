use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// What reads the script on the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Interpreter {
    /// `bash` where the task has it, else `sh`: what GitLab Runner's own scripts expect.
    #[default]
    BashOrSh,
    /// `bash`; its absence is exit code 127.
    Bash,
    /// `sh`.
    Sh,
}

/// One script to run.
#[derive(Clone)]
#[non_exhaustive]
pub struct ExecRequest {
    /// The script's bytes. They never appear on a command line or in a log.
    pub script: Bytes,
    /// What reads it.
    pub interpreter: Interpreter,
    /// Ends the script when cancelled.
    pub cancel: CancellationToken,
    /// How long processes may take to end after TERM before they are killed.
    pub grace: Duration,
}

impl ExecRequest {
    /// A script with the default interpreter, 10 s of grace, and nothing that cancels it.
    pub fn script(script: impl Into<Bytes>) -> Self {
        Self {
            script: script.into(),
            interpreter: Interpreter::default(),
            cancel: CancellationToken::new(),
            grace: Duration::from_secs(10),
        }
    }

    /// One command with its arguments, each passed on unchanged.
    pub fn command<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let words: Vec<_> = argv.into_iter().map(|word| quote(word.as_ref())).collect();
        let mut request = Self::script(format!("exec {}\n", words.join(" ")));
        request.interpreter = Interpreter::Sh;
        request
    }

    /// Chooses the interpreter.
    #[must_use]
    pub fn interpreter(mut self, interpreter: Interpreter) -> Self {
        self.interpreter = interpreter;
        self
    }

    /// Ends the script when `cancel` is cancelled.
    #[must_use]
    pub fn cancel(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets the time between TERM and KILL.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

impl fmt::Debug for ExecRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A script holds every secret of its job.
        f.debug_struct("ExecRequest")
            .field("script", &format_args!("<{} bytes>", self.script.len()))
            .field("interpreter", &self.interpreter)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// Quotes one word for any POSIX shell.
///
/// ```
/// assert_eq!(fargate_core::quote("it's"), r"'it'\''s'");
/// ```
#[must_use]
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_never_shows_in_debug_output() {
        let request = ExecRequest::script("export TOKEN=hunter2");
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    #[test]
    fn a_command_keeps_its_words() {
        let request = ExecRequest::command(["printf", "%s", "a b", "$HOME", "it's"]);
        let out = std::process::Command::new("sh")
            .arg("-c")
            .arg(std::str::from_utf8(&request.script).unwrap())
            .output()
            .unwrap();
        assert_eq!(out.stdout, b"a b$HOMEit's");
    }
}
