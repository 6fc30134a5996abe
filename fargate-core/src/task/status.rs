use crate::{Endpoint, Error, ErrorKind};

/// A task as its backend sees it now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskStatus {
    /// On its way. The address may be known before the task runs; probing it is allowed.
    Pending {
        /// What is being waited for, in the platform's words, such as "PROVISIONING".
        detail: String,
        /// Where it will answer, once that is known.
        endpoint: Option<Endpoint>,
    },
    /// Started. That it accepts commands is known only after
    /// [`RemoteExec::probe`](crate::RemoteExec::probe).
    Running {
        /// Where it answers. `None` when the platform has not told yet.
        endpoint: Option<Endpoint>,
    },
    /// Over.
    Stopped(Stopped),
}

impl TaskStatus {
    /// The address, if it is known.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Pending { endpoint, .. } | Self::Running { endpoint } => endpoint.as_ref(),
            Self::Stopped(_) => None,
        }
    }
}

/// Why a task is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopCause {
    /// Somebody asked for it.
    Requested,
    /// Its main process ended.
    Exited,
    /// The platform had no room.
    Capacity,
    /// The image could not be pulled.
    Image,
    /// It used more memory than it was given.
    OutOfMemory,
    /// The platform took the machine back (Spot, eviction, maintenance).
    Interrupted,
    /// It never came up for another reason.
    FailedToStart,
    /// The platform did not say.
    Unknown,
}

impl StopCause {
    /// The cause in a few words, as an error's context carries it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Requested => "stopped on request",
            Self::Exited => "its main process ended",
            Self::Capacity => "no capacity",
            Self::Image => "image not available",
            Self::OutOfMemory => "out of memory",
            Self::Interrupted => "taken back by the platform",
            Self::FailedToStart => "failed to start",
            Self::Unknown => "not told by the platform",
        }
    }
}

/// The end of a task, in words for the person whose job it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// The class of cause.
    pub cause: StopCause,
    /// What the platform said, in full.
    pub reason: String,
    /// Single facts: stop code, each container's reason and exit code.
    pub facts: Vec<(&'static str, String)>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Stopped {
    /// The name under which an error's context carries [`StopCause::words`].
    pub const CAUSE: &'static str = "cause";

    /// A stop without facts and hint.
    pub fn new(cause: StopCause, reason: impl Into<String>) -> Self {
        Self { cause, reason: reason.into(), facts: Vec::new(), hint: None }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The kind of error a stop of this cause is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.cause {
            StopCause::Capacity => ErrorKind::Capacity,
            StopCause::Image => ErrorKind::ImageUnavailable,
            _ => ErrorKind::TaskFailed,
        }
    }

    /// The stop as the error of whoever needed the task while doing `op`.
    #[must_use]
    pub fn into_error(self, op: &'static str) -> Error {
        let mut error =
            Error::new(self.kind(), op, self.reason).with(Self::CAUSE, self.cause.words());
        for (name, value) in self.facts {
            error = error.with(name, value);
        }
        match self.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
