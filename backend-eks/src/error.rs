//! What went wrong with a call to the cluster, as an error of the contracts.

use std::error::Error as StdError;
use std::time::Duration;

use fargate_aws_access::chain::{chain, flat, never_connected, untrusted};
use fargate_core::{Error, ErrorKind};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

use crate::advice::{ROUTE, TRUST, advice};
use crate::call::Call;
use crate::class::kind_of;

/// A call that failed once.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// How long the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the request may have been carried out although no answer said so.
    pub(crate) doubt: bool,
    /// The API's own word for the refusal, such as `AlreadyExists`.
    pub(crate) reason: String,
}

impl Failure {
    /// An answer that arrived and cannot be used.
    pub(crate) fn of(error: Error) -> Self {
        Self { error, retry_after: None, doubt: false, reason: String::new() }
    }

    fn unanswered(error: Error) -> Self {
        let doubt = error.kind() == ErrorKind::ConnectionLost;
        Self { error, retry_after: None, doubt, reason: String::new() }
    }
}

/// A refusal by the API server: its `Status`, or whatever a proxy in between said.
pub(crate) fn refused(
    call: Call,
    namespace: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Failure {
    let said: Status = serde_json::from_slice(body).unwrap_or_default();
    let reason = said.reason.unwrap_or_default();
    let message = match said.message {
        Some(message) if !message.is_empty() => message,
        _ => without_status(status, body),
    };
    let kind = kind_of(&reason, &message, status);
    let mut error = Error::new(
        kind,
        call.op,
        format!("the cluster refused to {} {}: {message}", call.verb, call.resource),
    )
    .with("namespace", namespace)
    .with("status", format!("{status} {reason}").trim_end());
    let details = said.details.unwrap_or_default();
    for cause in details.causes.unwrap_or_default() {
        if let (Some(field), Some(why)) = (cause.field, cause.message) {
            error = error.with("field", format!("{field}: {why}"));
        }
    }
    if let Some(hint) = advice(kind, &message, call, namespace) {
        error = error.hint(hint);
    }
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let seconds = header.or(details.retry_after_seconds.and_then(|s| u64::try_from(s).ok()));
    Failure {
        error,
        retry_after: seconds.map(Duration::from_secs),
        // The server failed on the way.
        doubt: call.starts && kind == ErrorKind::Unavailable,
        reason,
    }
}

/// The words of an answer that is no `Status`, as a proxy or load balancer gives it.
fn without_status(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().take(200).collect();
    if line.is_empty() { format!("HTTP status {status}") } else { line }
}

/// A call without an answer: no credentials, no connection, or a lost answer.
pub(crate) fn unanswered(call: Call, namespace: &str, error: &(dyn StdError + 'static)) -> Failure {
    // The token is made on the way out, and its maker speaks our language.
    if let Some(own) = chain(error).find_map(|cause| cause.downcast_ref::<NoToken>()) {
        return Failure::unanswered(own.to_error(call.op));
    }
    let what = format!("{} {}", call.verb, call.resource);
    let (kind, message) = if credentials(error) {
        (ErrorKind::Unauthenticated, "there are no credentials for the cluster".to_owned())
    } else if untrusted(error) {
        (ErrorKind::Untrusted, "the certificate that the cluster shows is not trusted".to_owned())
    } else if never_connected(error) {
        (ErrorKind::ConnectFailed, format!("the cluster cannot be reached to {what}"))
    } else {
        return lost(call, namespace, Some(error));
    };
    let hint = match kind {
        ErrorKind::Unauthenticated => {
            "see the user in the kubeconfig: its token, certificate or command"
        }
        ErrorKind::Untrusted => TRUST,
        _ => ROUTE,
    };
    let error = Error::new(kind, call.op, message)
        .with("namespace", namespace)
        .hint(hint)
        .source(flat(error));
    Failure::unanswered(error)
}

/// A call whose answer did not come, or not in time.
pub(crate) fn lost(
    call: Call,
    namespace: &str,
    error: Option<&(dyn StdError + 'static)>,
) -> Failure {
    let what = format!("no answer to {} {}", call.verb, call.resource);
    let (kind, message) = if call.starts {
        (ErrorKind::ConnectionLost, format!("{what}: it may have been carried out"))
    } else {
        (ErrorKind::Unavailable, what)
    };
    let told = Error::new(kind, call.op, message).with("namespace", namespace).hint(ROUTE);
    Failure::unanswered(match error {
        Some(error) => told.source(flat(error)),
        None => told,
    })
}

/// Whether the kubeconfig's way to credentials failed.
fn credentials(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| {
        cause.is::<kube::client::AuthError>()
            || matches!(cause.downcast_ref::<kube::Error>(), Some(kube::Error::Auth(_)))
    })
}

/// Why there is no token, in a form that travels through the HTTP client.
#[derive(Debug)]
pub(crate) struct NoToken {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    cause: String,
}

impl NoToken {
    pub(crate) fn new(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.message().to_owned(),
            context: error.context().map(|(name, value)| (name, value.to_owned())).collect(),
            hint: error.advice().map(ToOwned::to_owned),
            cause: StdError::source(error).map(flat).unwrap_or_default(),
        }
    }

    fn to_error(&self, op: &'static str) -> Error {
        let mut error = Error::new(self.kind, op, self.message.as_str());
        for (name, value) in &self.context {
            error = error.with(name, value.as_str());
        }
        let error = match &self.hint {
            Some(hint) => error.hint(hint.as_str()),
            None => error,
        };
        if self.cause.is_empty() { error } else { error.source(self.cause.as_str()) }
    }
}

impl std::fmt::Display for NoToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for NoToken {}

/// The end of a launch that may have created a pod; `last` is what it came to in the end.
pub(crate) fn unknown(last: Error) -> Error {
    let said = "it is unknown whether the pod was created: an answer is missing";
    fargate_aws_access::unknown(last, said)
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::json;

    use super::*;
    use crate::call::{CREATE, GET};

    fn answer(status: u16, body: &serde_json::Value) -> Failure {
        refused(CREATE, "jobs", status, &HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn a_refusal_says_status_reason_and_each_field() {
        let failure = answer(
            422,
            &json!({"kind": "Status", "reason": "Invalid", "code": 422,
                "message": "Pod \"x\" is invalid", "details": {"causes": [
                    {"field": "spec.containers[0].image", "message": "Required value"}]}}),
        );
        let error = failure.error;
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert_eq!(error.context_value("status"), Some("422 Invalid"));
        assert_eq!(error.context_value("field"), Some("spec.containers[0].image: Required value"));
        assert!(!failure.doubt);
    }

    #[test]
    fn a_missing_right_names_the_rule_to_add() {
        let error = answer(
            403,
            &json!({"kind": "Status", "reason": "Forbidden", "code": 403, "message":
                "pods is forbidden: User \"ci\" cannot create resource \"pods\" in API group \"\" \
                 in the namespace \"jobs\""}),
        )
        .error;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.advice().is_some_and(|hint| hint.contains("verbs: [\"create\"]")));
    }

    #[test]
    fn a_wish_to_wait_is_read_from_the_header_or_the_status() {
        let body = json!({"reason": "TooManyRequests", "details": {"retryAfterSeconds": 3}});
        assert_eq!(answer(429, &body).retry_after, Some(Duration::from_secs(3)));
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        let failure = refused(GET, "jobs", 429, &headers, b"");
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(failure.error.kind(), ErrorKind::Throttled);
    }

    #[test]
    fn a_servers_failure_leaves_doubt_only_where_something_starts() {
        assert!(answer(500, &json!({})).doubt);
        assert!(!answer(429, &json!({})).doubt);
        assert!(!refused(GET, "jobs", 500, &HeaderMap::new(), b"").doubt);
        let page = b"<html>\n<title>502 Bad Gateway</title>";
        let failure = refused(GET, "jobs", 502, &HeaderMap::new(), page);
        assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn a_lost_answer_is_an_unknown_outcome_only_where_something_starts() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(unanswered(CREATE, "n", &reset).error.kind(), ErrorKind::ConnectionLost);
        assert_eq!(unanswered(GET, "n", &reset).error.kind(), ErrorKind::Unavailable);
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let failure = unanswered(CREATE, "n", &refused);
        assert_eq!(failure.error.kind(), ErrorKind::ConnectFailed);
        assert!(!failure.doubt);
    }

    #[test]
    fn trouble_with_the_token_arrives_as_what_it_was() {
        let told = Error::new(ErrorKind::Unauthenticated, "x", "no AWS credentials")
            .with("role", "arn:role")
            .hint("set");
        let error = kube::Error::Service(Box::new(NoToken::new(&told)));
        let error = unanswered(CREATE, "n", &error).error;
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert_eq!(error.op(), CREATE.op);
        assert_eq!(error.context_value("role"), Some("arn:role"));
        assert_eq!(error.advice(), Some("set"));
    }
}
