//! The errors of an API server: the `Status` object, in the server's own words.

use serde_json::{Value, json};

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    /// The machine-readable word, such as `AlreadyExists`; an AWS error's type.
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) details: Option<Value>,
    /// Seconds, for the header `Retry-After`.
    pub(super) retry_after: Option<u32>,
    /// The body is the bare message: a proxy, or the server's own overload protection.
    pub(super) plain: bool,
}

impl Refusal {
    pub(super) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            details: None,
            retry_after: None,
            plain: false,
        }
    }

    fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// No role lets `user` do this; `resource` may be a subresource, such as `pods/exec`.
    pub(super) fn forbidden(
        user: &str,
        verb: &str,
        resource: &str,
        namespace: &str,
        name: Option<&str>,
    ) -> Self {
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let why = format!(
            "User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"\" {place}"
        );
        let kind = resource.split('/').next().unwrap_or(resource);
        match name {
            Some(name) => Self::not_admitted(kind, name, &why),
            None => Self::new(403, "Forbidden", format!("{kind} is forbidden: {why}"))
                .details(json!({"kind": kind})),
        }
    }

    /// An admission plug-in does not let the object in.
    pub(super) fn not_admitted(resource: &str, name: &str, why: &str) -> Self {
        Self::new(403, "Forbidden", format!("{resource} \"{name}\" is forbidden: {why}"))
            .details(json!({"name": name, "kind": resource}))
    }

    pub(super) fn not_found(resource: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} \"{name}\" not found"))
            .details(json!({"name": name, "kind": resource}))
    }

    pub(super) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
            .details(json!({}))
    }

    pub(super) fn already_exists(resource: &str, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{resource} \"{name}\" already exists"))
            .details(json!({"name": name, "kind": resource}))
    }

    pub(super) fn conflict(resource: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::new(409, "Conflict", message).details(json!({"name": name, "kind": resource}))
    }

    /// Somebody else wrote the object in between.
    pub(super) fn modified(resource: &str, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and \
             try again",
        )
    }

    pub(super) fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// The fields `causes` (path, reason, message) of an object of `kind` are wrong.
    pub(super) fn invalid(kind: &str, name: &str, causes: &[Cause]) -> Self {
        let said: Vec<String> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let said = match said.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let causes: Vec<Value> = causes
            .iter()
            .map(|cause| {
                json!({"reason": cause.reason, "message": cause.message, "field": cause.field})
            })
            .collect();
        Self::new(422, "Invalid", format!("{kind} \"{name}\" is invalid: {said}"))
            .details(json!({"name": name, "kind": kind, "causes": causes}))
    }

    /// Flow control has no room; it answers in plain text.
    pub(super) fn throttled(retry_after: Option<u32>) -> Self {
        let message = "Too many requests, please try again later.";
        Self { retry_after, plain: true, ..Self::new(429, "TooManyRequests", message) }
    }

    pub(super) fn internal() -> Self {
        let cause = "etcdserver: request timed out";
        Self::new(500, "InternalError", format!("Internal error occurred: {cause}"))
            .details(json!({"causes": [{"message": cause}]}))
    }

    pub(super) fn unavailable() -> Self {
        let message = "the server is currently unable to handle the request";
        Self::new(503, "ServiceUnavailable", message)
    }

    /// What is not the API server's own answer, but passed on by it: bare text.
    pub(super) fn passed_on(code: u16, message: impl Into<String>) -> Self {
        Self { plain: true, ..Self::new(code, "", message) }
    }

    /// The `Status` object.
    pub(super) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) field: String,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Cause {
    pub(super) fn invalid(field: impl Into<String>, value: &str, why: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value:?}: {why}"),
        }
    }

    pub(super) fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        Self { field: field.into(), reason: "FieldValueRequired", message }
    }

    pub(super) fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {why}"),
        }
    }

    pub(super) fn unsupported(field: impl Into<String>, value: &str, known: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value:?}: supported values: {known}"),
        }
    }

    pub(super) fn not_found(field: impl Into<String>, value: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueNotFound",
            message: format!("Not found: {value:?}"),
        }
    }

    pub(super) fn duplicate(field: impl Into<String>, value: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueDuplicate",
            message: format!("Duplicate value: {value:?}"),
        }
    }
}
