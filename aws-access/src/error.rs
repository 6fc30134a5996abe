//! Errors of the AWS SDK as errors of the contracts.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use fargate_core::{Error, ErrorKind};

use crate::call::Call;
use crate::chain::{flat, never_connected, untrusted};
use crate::class::kind_of;
use crate::trouble;

/// What a service said no with.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// AWS's code, such as `ThrottlingException`; empty for none.
    pub code: String,
    /// AWS's words.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// AWS's name for the request.
    pub request_id: Option<String>,
}

/// A refusal by the service, with the service's own kind and remedy if it has one. The code and
/// the request id are the facts `aws code` and `request id`.
#[must_use]
pub fn refused(call: Call, refusal: Refusal) -> Error {
    let Refusal { code, message, status, request_id } = refusal;
    let kind = (call.service.kind)(&code, &message).unwrap_or_else(|| kind_of(&code, status));
    let said = if message.is_empty() { format!("HTTP status {status}") } else { message };
    let mut error = Error::new(kind, call.op, format!("AWS refused {}: {said}", call.action));
    if !code.is_empty() {
        error = error.with("aws code", code);
    }
    if let Some(id) = request_id {
        error = error.with("request id", id);
    }
    match call.advice(kind, &said) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// An error of the SDK: a refusal, or what [`unanswered`] says of the others.
#[must_use]
pub fn from_sdk<E>(call: Call, error: &SdkError<E, HttpResponse>) -> Error
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
    let mapped = match trouble::of_call(call.op, error) {
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

/// A call without an answer; `arrived` says that the request is known to have reached the service.
///
/// The kind is that of the trouble with the credentials; [`ErrorKind::Untrusted`] for a certificate
/// that was refused; [`ErrorKind::ConnectFailed`] without a connection; else [`ErrorKind::ConnectionLost`] if the call starts something and
/// [`ErrorKind::Unavailable`] if not.
#[must_use]
pub fn unanswered(call: Call, error: &(dyn StdError + 'static), arrived: bool) -> Error {
    if let Some(trouble) = trouble::of_call(call.op, error) {
        return trouble;
    }
    let action = call.action;
    if !arrived && untrusted(error) {
        let message = format!("the certificate that AWS shows for {action} is not trusted");
        return Error::new(ErrorKind::Untrusted, call.op, message).hint(TRUST).source(flat(error));
    }
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

/// What to do where AWS's certificate is refused.
pub(crate) const TRUST: &str = "somebody else answers in AWS's place: if it is a proxy of your \
                                own, let this machine trust its certificate authority; check the \
                                endpoint's address and DNS";

/// The end of what may have been started although no answer said so: `message` says that in
/// words, `last` is what it came to in the end and is kept with its facts and its remedy.
#[must_use]
pub fn unknown(last: Error, message: &str) -> Error {
    // These say so themselves.
    if matches!(last.kind(), ErrorKind::ConnectionLost | ErrorKind::Conflict) {
        return last;
    }
    let mut error = Error::new(ErrorKind::ConnectionLost, last.op(), message)
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
    use crate::call::Service;

    const SERVICE: Service = Service {
        kind: |code, message| (code == "Own" && message == "full").then_some(ErrorKind::Capacity),
        advice: |kind, _, action| {
            (kind == ErrorKind::Capacity).then(|| format!("make room for {action}"))
        },
    };
    const START: Call = Call { op: "start", action: "x:Start", starts: true, service: &SERVICE };
    const LOOK: Call = Call { op: "look", action: "x:Look", starts: false, service: &SERVICE };

    fn refusal(code: &str, message: &str) -> Refusal {
        let request_id = Some("r-1".to_owned());
        Refusal { code: code.to_owned(), message: message.to_owned(), status: 400, request_id }
    }

    #[test]
    fn code_and_request_id_are_facts() {
        let error = refused(START, refusal("ThrottlingException", "Rate exceeded"));
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert_eq!(error.context_value("aws code"), Some("ThrottlingException"));
        assert_eq!(error.context_value("request id"), Some("r-1"));
        assert!(error.advice().is_some());
    }

    #[test]
    fn a_services_own_words_go_first() {
        let error = refused(START, refusal("Own", "full"));
        assert_eq!(error.kind(), ErrorKind::Capacity);
        assert_eq!(error.advice(), Some("make room for x:Start"));
        assert_eq!(refused(START, refusal("Own", "")).kind(), ErrorKind::Unexpected);
        let denied = "ci is not authorized to perform: x:Pass on resource: y";
        let error = refused(LOOK, refusal("AccessDenied", denied));
        assert_eq!(error.advice(), Some("allow x:Pass to the driver's role or user"));
    }

    #[test]
    fn a_lost_answer_is_an_unknown_outcome_only_where_something_starts() {
        let lost = io::Error::other("connection closed before message completed");
        assert_eq!(unanswered(START, &lost, false).kind(), ErrorKind::ConnectionLost);
        assert_eq!(unanswered(LOOK, &lost, false).kind(), ErrorKind::Unavailable);
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(unanswered(START, &refused, false).kind(), ErrorKind::ConnectFailed);
        assert_eq!(unanswered(START, &refused, true).kind(), ErrorKind::ConnectionLost);
    }

    #[test]
    fn an_unknown_end_keeps_what_came_last() {
        let last = Error::new(ErrorKind::Throttled, START.op, "Rate exceeded")
            .with("aws code", "ThrottlingException")
            .hint("start fewer jobs");
        let error = unknown(last, "it is unknown");
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        assert_eq!((error.op(), error.message()), (START.op, "it is unknown"));
        assert_eq!(error.context_value("aws code"), Some("ThrottlingException"));
        assert_eq!(error.context_value("last answer"), Some("Rate exceeded"));
        assert_eq!(error.advice(), Some("start fewer jobs"));
        assert!(StdError::source(&error).is_some());
        let conflict = Error::new(ErrorKind::Conflict, START.op, "held");
        assert_eq!(unknown(conflict, "it is unknown").kind(), ErrorKind::Conflict);
    }
}
