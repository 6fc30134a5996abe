//! The one error type of every contract.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What every fallible call of this workspace returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in terms a caller can act on.
///
/// Each kind has one [`Retry`] class and one [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing, malformed or contradicts another.
    InvalidConfig,
    /// The backend cannot do this at all.
    Unsupported,
    /// No credentials, or they are expired or wrong.
    Unauthenticated,
    /// The credentials are good but do not allow this.
    PermissionDenied,
    /// The other side is not who it should be (host key, certificate), or a file is open to others.
    Untrusted,
    /// The named thing does not exist.
    NotFound,
    /// Somebody else holds or changed it.
    Conflict,
    /// The service asks to slow down. Nothing was started.
    Throttled,
    /// The service is in trouble.
    Unavailable,
    /// No connection came about. Nothing was started.
    ConnectFailed,
    /// There is no room for the task at the moment.
    Capacity,
    /// The container image cannot be pulled.
    ImageUnavailable,
    /// The task ended by itself or was ended by the platform.
    TaskFailed,
    /// It took longer than allowed.
    Timeout,
    /// The connection ended before an exit status arrived: the outcome is unknown.
    ConnectionLost,
    /// The caller asked for it.
    Cancelled,
    /// A defect, or an answer nobody foresaw.
    Unexpected,
}

/// Whether and when doing the same again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same call fails the same way until somebody acts.
    Never,
    /// Only the caller knows whether this is a failure.
    CallerDecides,
    /// The same call again after a short, jittered pause.
    Soon,
    /// Again later, or elsewhere (another subnet, another capacity provider).
    Later,
    /// The outcome is unknown: ask for the state first, never simply run again.
    AskStateFirst,
}

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Whoever set this up: configuration, rights, images, keys.
    Operator,
    /// The platform: capacity, network, service trouble.
    Platform,
    /// The caller asked for the end.
    Caller,
    /// This program.
    Program,
}

impl ErrorKind {
    /// Every kind, for tests and tables.
    pub const ALL: [Self; 17] = [
        Self::InvalidConfig,
        Self::Unsupported,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::Untrusted,
        Self::NotFound,
        Self::Conflict,
        Self::Throttled,
        Self::Unavailable,
        Self::ConnectFailed,
        Self::Capacity,
        Self::ImageUnavailable,
        Self::TaskFailed,
        Self::Timeout,
        Self::ConnectionLost,
        Self::Cancelled,
        Self::Unexpected,
    ];

    /// Whether and when to try again.
    #[must_use]
    pub fn retry(self) -> Retry {
        match self {
            Self::NotFound | Self::Conflict => Retry::CallerDecides,
            Self::Throttled | Self::Unavailable | Self::ConnectFailed => Retry::Soon,
            Self::Capacity => Retry::Later,
            Self::ConnectionLost => Retry::AskStateFirst,
            _ => Retry::Never,
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::InvalidConfig
            | Self::Unsupported
            | Self::Unauthenticated
            | Self::PermissionDenied
            | Self::Untrusted
            | Self::ImageUnavailable => Fault::Operator,
            Self::Cancelled => Fault::Caller,
            Self::Unexpected => Fault::Program,
            _ => Fault::Platform,
        }
    }
}

/// What failed, on what, why, and what to do about it.
///
/// `Display` is one short line without the cause; [`Error::report`] prints the whole story once.
/// Clones share the cause.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    op: &'static str,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` while doing `op` (a short verb phrase such as "start task").
    pub fn new(kind: ErrorKind, op: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            op,
            message: message.into(),
            context: Vec::new(),
            hint: None,
            source: None,
        }))
    }

    /// Adds one fact, such as the AWS error code or the address that was tried.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.context.push((name, value.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done.
    #[must_use]
    pub fn op(&self) -> &'static str {
        self.0.op
    }

    /// What happened, without the operation.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The facts that were added, oldest first.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The newest fact of that name.
    #[must_use]
    pub fn context_value(&self, name: &str) -> Option<&str> {
        self.0.context.iter().rev().find(|(have, _)| *have == name).map(|(_, value)| value.as_str())
    }

    /// The whole story over several lines: what failed, each fact, each cause once, the advice.
    #[must_use]
    pub fn report(&self) -> Report<'_> {
        Report(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.op, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("op", &self.0.op)
            .field("message", &self.0.message)
            .field("context", &self.0.context)
            .field("hint", &self.0.hint)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// From this length on, in bytes, a fact that is part of the text before it is no news.
const LONG: usize = 16;

/// Shows an [`Error`] over several lines; made by [`Error::report`].
#[derive(Debug)]
pub struct Report<'a>(&'a Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0;
        let mut said = error.to_string();
        f.write_str(&said)?;
        for (name, value) in error.context() {
            // What was said already is not said again; a short value may be there by chance.
            if value.len() < LONG || !said.contains(value) {
                let line = format!("\n  {name}: {value}");
                f.write_str(&line)?;
                said.push_str(&line);
            }
        }
        let mut cause = StdError::source(error);
        while let Some(this) = cause {
            let text = this.to_string();
            let news = this.downcast_ref::<Error>().map_or(text.as_str(), Error::message);
            // Libraries often repeat the inner text in the outer one; say it once.
            if !said.contains(news) {
                write!(f, "\n  because: {text}")?;
                said.push_str(&text);
            }
            cause = this.source();
        }
        if let Some(hint) = error.advice() {
            write!(f, "\n  fix: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn only_trouble_that_passes_is_retried_soon() {
        let soon: Vec<_> =
            ErrorKind::ALL.into_iter().filter(|kind| kind.retry() == Retry::Soon).collect();
        assert_eq!(soon, [ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::ConnectFailed]);
        assert_eq!(ErrorKind::ConnectionLost.retry(), Retry::AskStateFirst);
    }

    #[test]
    fn the_report_says_each_thing_once() {
        let inner = std::io::Error::other("connection refused");
        let error = Error::new(ErrorKind::ConnectFailed, "connect", "10.0.0.1:22 refused")
            .with("address", "10.0.0.1:22")
            .hint("check that sshd runs")
            .source(inner);
        assert_eq!(error.to_string(), "connect: 10.0.0.1:22 refused");
        assert_eq!(
            error.report().to_string(),
            "connect: 10.0.0.1:22 refused\n  address: 10.0.0.1:22\n  \
             because: connection refused\n  fix: check that sshd runs"
        );
        let error =
            Error::new(ErrorKind::TaskFailed, "start", "the image is not there, said 1 host")
                .with("stopped reason", "the image is not there")
                .with("hosts", "1")
                .with("last attempt", "nobody answered the call")
                .source(std::io::Error::other("nobody answered the call"));
        assert_eq!(
            error.report().to_string(),
            "start: the image is not there, said 1 host\n  hosts: 1\n  \
             last attempt: nobody answered the call"
        );
    }
}
