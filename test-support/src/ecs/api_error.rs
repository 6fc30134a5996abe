//! The errors of the services, in each service's own words.

use serde_json::{Value, json};

use super::request::Service;
use crate::xml;

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// Of `ConflictException`: the tasks that exist.
    pub(super) resource_ids: Vec<String>,
}

impl ApiError {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), resource_ids: Vec::new() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterException", message)
    }

    pub(super) fn client(message: impl Into<String>) -> Self {
        Self::new(400, "ClientException", message)
    }

    pub(super) fn cluster_not_found() -> Self {
        Self::new(400, "ClusterNotFoundException", "Cluster not found.")
    }

    pub(super) fn throttled(service: Service) -> Self {
        match service {
            Service::Ecs | Service::Logs => Self::new(400, "ThrottlingException", "Rate exceeded"),
            Service::Ec2 => Self::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            Service::Sts => Self::new(400, "Throttling", "Rate exceeded"),
        }
    }

    pub(super) fn server(service: Service) -> Self {
        match service {
            Service::Ecs => {
                Self::new(500, "ServerException", "Service Unavailable. Please try again later.")
            }
            Service::Ec2 => Self::new(500, "InternalError", "An internal error has occurred"),
            Service::Logs => Self::new(
                500,
                "ServiceUnavailableException",
                "The service cannot complete the request.",
            ),
            Service::Sts => Self::new(500, "InternalFailure", "An internal error has occurred"),
        }
    }

    pub(super) fn expired(service: Service) -> Self {
        let message = "The security token included in the request is expired";
        match service {
            Service::Ecs | Service::Logs => Self::new(400, "ExpiredTokenException", message),
            Service::Ec2 => Self::new(400, "RequestExpired", "Request has expired."),
            Service::Sts => Self::new(403, "ExpiredToken", message),
        }
    }

    pub(super) fn unknown_credentials(service: Service) -> Self {
        let message = "The security token included in the request is invalid.";
        match service {
            Service::Ecs | Service::Logs => Self::new(400, "UnrecognizedClientException", message),
            Service::Ec2 => Self::new(
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            ),
            Service::Sts => Self::new(403, "InvalidClientTokenId", message),
        }
    }

    pub(super) fn bad_signature(service: Service) -> Self {
        let message = "The request signature we calculated does not match the signature you \
                       provided. Check your AWS Secret Access Key and signing method.";
        match service {
            Service::Ecs | Service::Logs => Self::new(400, "InvalidSignatureException", message),
            Service::Ec2 | Service::Sts => Self::new(403, "SignatureDoesNotMatch", message),
        }
    }

    pub(super) fn unsigned(service: Service) -> Self {
        let status = if service.target().is_some() { 400 } else { 403 };
        let code = match service {
            Service::Ecs | Service::Logs => "MissingAuthenticationTokenException",
            Service::Ec2 | Service::Sts => "MissingAuthenticationToken",
        };
        Self::new(status, code, "Missing Authentication Token")
    }

    /// `who` may not do `action` on `resource`.
    pub(super) fn denied(service: Service, who: &str, action: &str, resource: &str) -> Self {
        let prefix = service.name();
        let why = format!(
            "User: {who} is not authorized to perform: {prefix}:{action} on resource: {resource} \
             because no identity-based policy allows the {prefix}:{action} action"
        );
        match service {
            Service::Ecs | Service::Logs => Self::new(400, "AccessDeniedException", why),
            Service::Ec2 => Self::new(
                403,
                "UnauthorizedOperation",
                format!("You are not authorized to perform this operation. {why}"),
            ),
            Service::Sts => Self::new(403, "AccessDenied", why),
        }
    }

    /// The body of the answer.
    pub(super) fn body(&self, service: Service, request_id: &str) -> String {
        let (code, message) = (xml::escape(&self.code), xml::escape(&self.message));
        match service {
            Service::Ecs | Service::Logs => self.json().to_string(),
            Service::Ec2 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>\
                 <Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>{request_id}</RequestID></Response>"
            ),
            Service::Sts => format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                 <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{request_id}</RequestId></ErrorResponse>"
            ),
        }
    }

    /// Errors of the front door are namespaced and those of IAM spell `Message`; SDKs take all.
    fn json(&self) -> Value {
        match self.code.as_str() {
            "AccessDeniedException" => json!({"__type": self.code, "Message": self.message}),
            "ConflictException" => json!({
                "__type": self.code, "message": self.message, "resourceIds": self.resource_ids,
            }),
            "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException" => json!({
                "__type": format!("com.amazon.coral.service#{}", self.code),
                "message": self.message,
            }),
            _ => json!({"__type": self.code, "message": self.message}),
        }
    }

    /// The launch with this token was another one; these are its tasks.
    pub(super) fn conflict(resource_ids: Vec<String>) -> Self {
        let message = "The RunTask request could not be processed due to conflicts. The provided \
                       clientToken is already in use with a different RunTask request. The \
                       resourceIds are the existing task ARNs which are already associated with \
                       the clientToken.";
        Self { resource_ids, ..Self::new(400, "ConflictException", message) }
    }

    pub(super) fn unknown_operation(op: &str) -> Self {
        Self::new(400, "UnknownOperationException", format!("unknown operation: {op}"))
    }
}
