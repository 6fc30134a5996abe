//! A call to a service, and what that service alone can say about it.

use fargate_core::ErrorKind;

use crate::advice;

/// One API call, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// What the user wanted, such as "start task": the operation of every error.
    pub op: &'static str,
    /// The IAM action, such as `ecs:RunTask`.
    pub action: &'static str,
    /// Whether a lost answer leaves the outcome unknown: the call starts something.
    pub starts: bool,
    /// The service it goes to.
    pub service: &'static Service,
}

/// What one service says in words of its own; the words that all share are known here.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The kind of a refusal by code and message; `None` for a code that is not the service's own.
    pub kind: fn(code: &str, message: &str) -> Option<ErrorKind>,
    /// What to do about a refusal by kind, message and IAM action; `None` leaves it to what holds
    /// for every service.
    pub advice: fn(kind: ErrorKind, message: &str, action: &str) -> Option<String>,
}

impl Call {
    /// What to do about a refusal of this call, where that is known.
    #[must_use]
    pub fn advice(&self, kind: ErrorKind, message: &str) -> Option<String> {
        let action = advice::action(kind, message, self.action);
        (self.service.advice)(kind, message, action).or_else(|| advice::common(kind, action))
    }
}
