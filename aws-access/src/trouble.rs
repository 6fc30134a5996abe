//! Trouble with the credentials: nothing was sent to the service itself.

use std::error::Error as StdError;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_types::request_id::RequestId;
use fargate_core::{Error, ErrorKind};

use crate::advice;
use crate::chain::{chain, flat, never_connected, untrusted};
use crate::class::kind_of;
use crate::error::TRUST;
use crate::role::RoleNotTaken;

type Cause<'a> = &'a (dyn StdError + 'static);

const ASSUME_ROLE: &str = "sts:AssumeRole";

/// The credentials' part in the failure of a call; `None` when it failed for another reason.
pub(crate) fn of_call(op: &'static str, error: Cause<'_>) -> Option<Error> {
    let cause = chain(error).find(|cause| cause.is::<CredentialsError>() || silent(*cause))?;
    Some(told(op, cause, error))
}

/// A provider has none.
pub(crate) fn of_provider(op: &'static str, error: &CredentialsError) -> Error {
    told(op, error, error)
}

/// `cause` is what went wrong with the credentials, `error` all there is to tell.
fn told(op: &'static str, cause: Cause<'_>, error: Cause<'_>) -> Error {
    let role = chain(cause).find_map(|cause| cause.downcast_ref::<RoleNotTaken>());
    let told = match refusal(cause) {
        Some(refusal) => refused(op, role, &refusal),
        None => unanswered(op, role, cause),
    };
    let told = match role {
        Some(role) => told.with("role", &role.arn),
        None => told,
    };
    told.source(without_echo(&flat(error)))
}

/// What the service that hands out credentials said no with.
struct Refusal {
    code: String,
    message: String,
    request_id: Option<String>,
}

/// The refusal in a chain of causes. The error of each operation is a type of its own; what they
/// share is the metadata, or, where the code is part of the model, a text that starts with it.
fn refusal(cause: Cause<'_>) -> Option<Refusal> {
    chain(cause).find_map(|cause| {
        if let Some(meta) = cause.downcast_ref::<ErrorMetadata>() {
            return Some(Refusal {
                code: meta.code()?.to_owned(),
                message: meta.message().unwrap_or_default().to_owned(),
                request_id: meta.request_id().map(ToOwned::to_owned),
            });
        }
        let text = cause.to_string();
        let (code, message) = text.split_once(": ").unwrap_or((&text, ""));
        let modelled = code.ends_with("Exception") && !code.contains(' ');
        modelled.then(|| Refusal {
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
        })
    })
}

fn refused(op: &'static str, role: Option<&RoleNotTaken>, refusal: &Refusal) -> Error {
    let Refusal { code, message, request_id } = refusal;
    let said = if message.is_empty() { code } else { message };
    let kind = match kind_of(code, 0) {
        kind @ (ErrorKind::PermissionDenied
        | ErrorKind::Throttled
        | ErrorKind::Unavailable
        | ErrorKind::InvalidConfig) => kind,
        // Whatever it is, it leaves no credentials. It says nothing of the call's own subject,
        // which may well exist.
        _ => ErrorKind::Unauthenticated,
    };
    let hint = match kind {
        ErrorKind::InvalidConfig => Some(settings(role).to_owned()),
        ErrorKind::Unavailable => Some(route(role).to_owned()),
        kind => advice::common(kind, advice::action(kind, message, ASSUME_ROLE)),
    };
    let mut error =
        Error::new(kind, op, format!("{}: {said}", lacking(role))).with("aws code", code.as_str());
    if let Some(id) = request_id {
        error = error.with("request id", id.as_str());
    }
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn unanswered(op: &'static str, role: Option<&RoleNotTaken>, cause: Cause<'_>) -> Error {
    let (kind, why) = match innermost(cause) {
        Some(CredentialsError::ProviderTimedOut(_)) => {
            (ErrorKind::Unavailable, "no answer in time")
        }
        Some(CredentialsError::ProviderError(_) | CredentialsError::Unhandled(_)) => {
            if chain(cause).any(no_identity) {
                (ErrorKind::Unauthenticated, NONE)
            } else if untrusted(cause) {
                (ErrorKind::Untrusted, "the certificate of whoever hands them out is not trusted")
            } else if never_connected(cause) {
                (ErrorKind::ConnectFailed, "whoever hands them out cannot be reached")
            } else if chain(cause).any(lost) {
                (ErrorKind::Unavailable, "no answer")
            } else {
                (ErrorKind::Unauthenticated, "they could not be loaded")
            }
        }
        Some(_) => (ErrorKind::Unauthenticated, NONE),
        None if no_identity(cause) => (ErrorKind::Unauthenticated, NONE),
        None => (ErrorKind::Unavailable, "no answer in time"),
    };
    let hint = match kind {
        ErrorKind::Unauthenticated => {
            "give the runner manager an instance role, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or a profile"
        }
        ErrorKind::Untrusted => TRUST,
        _ => route(role),
    };
    let message = match role {
        None if why == NONE => NONE.to_owned(),
        _ => format!("{}: {why}", lacking(role)),
    };
    Error::new(kind, op, message).hint(hint)
}

const NONE: &str = "no usable AWS credentials were found";

fn lacking(role: Option<&RoleNotTaken>) -> String {
    role.map_or_else(|| "no AWS credentials".to_owned(), ToString::to_string)
}

/// Where what was refused as malformed is set.
fn settings(role: Option<&RoleNotTaken>) -> &'static str {
    match role {
        Some(_) => "correct AssumeRole",
        None => {
            "correct the AWS_ variables in the runner manager's environment, such as AWS_ROLE_ARN \
             and AWS_PROFILE, or the profile they name"
        }
    }
}

fn route(role: Option<&RoleNotTaken>) -> &'static str {
    match role {
        Some(_) => "check Region, DNS and the route to AWS STS (NAT, proxy or VPC endpoint)",
        None => {
            "check that the instance metadata service, or whatever else hands out this machine's \
             AWS credentials, answers"
        }
    }
}

/// Failures of the SDK around the providers, in types of its own that it keeps private.
fn silent(cause: Cause<'_>) -> bool {
    no_identity(cause) || cause.to_string().starts_with("identity resolver timed out")
}

/// Without any provider.
fn no_identity(cause: Cause<'_>) -> bool {
    cause.to_string().contains("no identity resolver")
}

/// A role is taken with other credentials, and those may be what is missing.
fn innermost(cause: Cause<'_>) -> Option<&CredentialsError> {
    chain(cause).filter_map(|cause| cause.downcast_ref::<CredentialsError>()).last()
}

/// Whether a request got no answer. The SDK's error type is generic over the operation, but its
/// texts are the same for all.
fn lost(cause: Cause<'_>) -> bool {
    let text = cause.to_string();
    cause.is::<io::Error>()
        || ["request has timed out", "dispatch failure", "response error"].contains(&text.as_str())
        || text.starts_with("identity resolver timed out")
        || text.starts_with("an IO error occurred communicating with IMDS")
}

/// What the SDK says about each provider it tried, without what it says about all of them.
fn without_echo(text: &str) -> String {
    let from = text.find("no credentials found").unwrap_or_default();
    text[from..]
        .replace(": the credential provider was not enabled: ", ": ")
        .replace(": the credential provider was not enabled", ": not set up")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OP: &str = "start task";

    fn kind(error: &CredentialsError) -> ErrorKind {
        of_provider(OP, error).kind()
    }

    fn role(source: CredentialsError) -> CredentialsError {
        CredentialsError::provider_error(RoleNotTaken { arn: "arn:role".to_owned(), source })
    }

    fn answer(code: &str) -> CredentialsError {
        let meta = ErrorMetadata::builder().code(code).message("because").build();
        CredentialsError::provider_error(meta)
    }

    #[test]
    fn each_way_to_have_no_credentials_has_its_kind() {
        use ErrorKind as K;
        for (code, wanted) in [
            ("AccessDenied", K::PermissionDenied),
            ("ExpiredToken", K::Unauthenticated),
            ("Throttling", K::Throttled),
            ("InternalFailure", K::Unavailable),
            ("ValidationError", K::InvalidConfig),
            // Of the account or the role, not of the task.
            ("ResourceNotFoundException", K::Unauthenticated),
            ("SomethingNew", K::Unauthenticated),
        ] {
            assert_eq!(kind(&role(answer(code))), wanted, "{code}");
        }
        let modelled = "ExpiredTokenException: the web identity token is expired";
        assert_eq!(kind(&CredentialsError::provider_error(modelled)), K::Unauthenticated);
        let slow = CredentialsError::provider_timed_out(std::time::Duration::from_secs(5));
        assert_eq!(kind(&slow), K::Unavailable);
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(kind(&CredentialsError::provider_error(refused)), K::ConnectFailed);
        let other = io::Error::other("invalid peer certificate: UnknownIssuer");
        assert_eq!(kind(&CredentialsError::provider_error(other)), K::Untrusted);
        let closed = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(kind(&CredentialsError::provider_error(closed)), K::Unavailable);
    }

    #[test]
    fn missing_credentials_are_no_slow_service() {
        // What the chain says on a machine without a metadata service.
        let none = || CredentialsError::not_loaded("no providers: http connect timeout");
        assert_eq!(kind(&none()), ErrorKind::Unauthenticated);
        assert_eq!(kind(&role(none())), ErrorKind::Unauthenticated);
        assert!(of_call(OP, &io::Error::other("closed")).is_none());
    }

    #[test]
    fn the_role_is_named() {
        let error = of_provider(OP, &role(answer("AccessDenied")));
        assert_eq!(error.message(), "the role arn:role could not be taken: because");
        assert_eq!(error.context_value("role"), Some("arn:role"));
        assert_eq!(error.context_value("aws code"), Some("AccessDenied"));
        assert!(error.advice().unwrap().contains("sts:AssumeRole"));
    }

    #[test]
    fn a_malformed_request_names_the_setting_it_came_from() {
        let hint = |error: &CredentialsError| {
            let error = of_provider(OP, error);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            error.advice().unwrap().to_owned()
        };
        assert!(hint(&role(answer("ValidationError"))).contains("AssumeRole"));
        let without = hint(&answer("ValidationError"));
        assert!(!without.contains("AssumeRole"), "{without}");
        assert!(without.contains("environment") && without.contains("profile"), "{without}");
    }

    #[test]
    fn each_provider_is_told_once() {
        let text = "dispatch failure: other: the credential provider was not enabled: no \
                    credentials found in chain. Attempted:\n  Environment: the credential \
                    provider was not enabled: variable not set\n  Profile: the credential \
                    provider was not enabled\n  X: y";
        assert_eq!(
            without_echo(text),
            "no credentials found in chain. Attempted:\n  Environment: variable not set\n  \
             Profile: not set up\n  X: y"
        );
        assert_eq!(without_echo("anything else"), "anything else");
    }
}
