//! Errors of the AWS SDK as errors of the contracts.

use std::error::Error as StdError;

use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::RequestId;
use fargate_core::{Error, ErrorKind};

use crate::advice::advice;
use crate::chain::{flat, never_connected};
use crate::class::kind_of;
use crate::credentials;

/// One API call, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// What the user wanted.
    pub(crate) op: &'static str,
    /// The IAM action.
    pub(crate) action: &'static str,
    /// Whether a lost answer leaves the outcome unknown: the call starts something.
    pub(crate) starts: bool,
}

pub(crate) const RUN_TASK: Call = Call { op: "start task", action: "ecs:RunTask", starts: true };
pub(crate) const DESCRIBE: Call =
    Call { op: "describe task", action: "ecs:DescribeTasks", starts: false };
pub(crate) const STOP: Call = Call { op: "stop task", action: "ecs:StopTask", starts: false };
pub(crate) const LIST: Call = Call { op: "list tasks", action: "ecs:ListTasks", starts: false };
pub(crate) const LOOK_UP: Call =
    Call { op: "look up public address", action: "ec2:DescribeNetworkInterfaces", starts: false };

/// What a service said no with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
}

/// A refusal by the service. The code and the request id are lifted into the context.
pub(crate) fn refused(call: Call, refusal: Refusal) -> Error {
    let Refusal { code, message, status, request_id } = refusal;
    let kind = kind_of(&code, &message, status);
    let said = if message.is_empty() { format!("HTTP status {status}") } else { message };
    let mut error = Error::new(kind, call.op, format!("AWS refused {}: {said}", call.action));
    if !code.is_empty() {
        error = error.with("aws code", code);
    }
    if let Some(id) = request_id {
        error = error.with("request id", id);
    }
    match advice(kind, &said, call.action) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// An error of the SDK.
pub(crate) fn from_sdk<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let SdkError::ServiceError(service) = error {
        return refused(
            call,
            Refusal {
                code: service.err().code().unwrap_or_default().to_owned(),
                message: service.err().message().unwrap_or_default().to_owned(),
                status: service.raw().status().as_u16(),
                request_id: error.request_id().map(ToOwned::to_owned),
            },
        );
    }
    // A response that could not be read says that the request arrived.
    let arrived = matches!(error, SdkError::ResponseError(_));
    let construction = matches!(error, SdkError::ConstructionFailure(_));
    let request_id = error.request_id().map(ToOwned::to_owned);
    let mapped = match credentials::trouble(call, error) {
        Some(trouble) => trouble,
        None if construction => {
            Error::new(ErrorKind::InvalidConfig, call.op, "the request could not be built")
                .source(flat(error))
        }
        None => unanswered(call, error, arrived),
    };
    match request_id {
        Some(id) => mapped.with("request id", id),
        None => mapped,
    }
}

/// A call without an answer: no credentials, no connection, or a lost answer.
pub(crate) fn unanswered(call: Call, error: &(dyn StdError + 'static), arrived: bool) -> Error {
    if let Some(trouble) = credentials::trouble(call, error) {
        return trouble;
    }
    let action = call.action;
    let (kind, message) = if !arrived && never_connected(error) {
        (ErrorKind::ConnectFailed, format!("AWS cannot be reached for {action}"))
    } else if call.starts {
        (ErrorKind::ConnectionLost, format!("no answer to {action}: it may have been carried out"))
    } else {
        (ErrorKind::Unavailable, format!("no answer to {action}"))
    };
    Error::new(kind, call.op, message)
        .hint("check Region, DNS and the route to the AWS API (NAT, proxy or VPC endpoint)")
        .source(flat(error))
}

/// Whether a RunTask that came to `error`, told as `told`, may have started a task.
pub(crate) fn outcome_unknown<E>(error: &SdkError<E, HttpResponse>, told: &Error) -> bool {
    match told.kind() {
        ErrorKind::ConnectionLost => true,
        // The service failed on the way; without credentials nothing was sent.
        ErrorKind::Unavailable => matches!(error, SdkError::ServiceError(_)),
        _ => false,
    }
}

/// The end of a launch that may have started a task; `last` is what it came to in the end.
pub(crate) fn unknown(last: Error) -> Error {
    // These say so themselves.
    if matches!(last.kind(), ErrorKind::ConnectionLost | ErrorKind::Conflict) {
        return last;
    }
    let mut error = Error::new(
        ErrorKind::ConnectionLost,
        last.op(),
        format!(
            "it is unknown whether a task was started: an answer to {} is missing",
            RUN_TASK.action
        ),
    )
    .with("last answer", last.message());
    for (name, value) in last.context() {
        error = error.with(name, value);
    }
    let hint = last.advice().map(ToOwned::to_owned);
    let error = error.source(last);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn code_and_request_id_are_facts() {
        let error = refused(
            RUN_TASK,
            Refusal {
                code: "ThrottlingException".to_owned(),
                message: "Rate exceeded".to_owned(),
                status: 400,
                request_id: Some("r-1".to_owned()),
            },
        );
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert_eq!(error.context_value("aws code"), Some("ThrottlingException"));
        assert_eq!(error.context_value("request id"), Some("r-1"));
        assert!(error.advice().is_some());
    }

    #[test]
    fn a_lost_answer_is_an_unknown_outcome_only_where_something_starts() {
        let lost = io::Error::other("connection closed before message completed");
        assert_eq!(unanswered(RUN_TASK, &lost, false).kind(), ErrorKind::ConnectionLost);
        assert_eq!(unanswered(STOP, &lost, false).kind(), ErrorKind::Unavailable);
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(unanswered(RUN_TASK, &refused, false).kind(), ErrorKind::ConnectFailed);
        assert_eq!(unanswered(RUN_TASK, &refused, true).kind(), ErrorKind::ConnectionLost);
    }

    #[test]
    fn an_unknown_end_keeps_what_came_last() {
        let last = Error::new(ErrorKind::Throttled, RUN_TASK.op, "Rate exceeded")
            .with("aws code", "ThrottlingException")
            .hint("start fewer jobs");
        let error = unknown(last);
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        assert_eq!(error.context_value("aws code"), Some("ThrottlingException"));
        assert_eq!(error.context_value("last answer"), Some("Rate exceeded"));
        assert_eq!(error.advice(), Some("start fewer jobs"));
        assert!(StdError::source(&error).is_some());
        let conflict = Error::new(ErrorKind::Conflict, RUN_TASK.op, "held");
        assert_eq!(unknown(conflict).kind(), ErrorKind::Conflict);
    }
}
