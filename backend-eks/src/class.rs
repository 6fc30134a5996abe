//! Refusals of the Kubernetes API as kinds.

use fargate_core::ErrorKind;

/// The kind of a refusal: by reason, then by message where one reason means several things, then
/// by HTTP status.
///
/// Reasons: `StatusReason` in `k8s.io/apimachinery/pkg/apis/meta/v1`.
pub(crate) fn kind_of(reason: &str, message: &str, status: u16) -> ErrorKind {
    match reason {
        "Unauthorized" => ErrorKind::Unauthenticated,
        "Forbidden" => forbidden(message),
        "NotFound" => ErrorKind::NotFound,
        "AlreadyExists" | "Conflict" => ErrorKind::Conflict,
        // The place in a list or watch is too old: the same question from the start is answered.
        "Gone" | "Expired" => ErrorKind::Unavailable,
        "Invalid" | "BadRequest" | "RequestEntityTooLarge" => ErrorKind::InvalidConfig,
        "TooManyRequests" => ErrorKind::Throttled,
        "ServerTimeout" | "Timeout" | "InternalError" | "ServiceUnavailable" | "StoreReadError" => {
            ErrorKind::Unavailable
        }
        "MethodNotAllowed" | "NotAcceptable" | "UnsupportedMediaType" => ErrorKind::Unsupported,
        _ => by_status(status, message),
    }
}

/// Admission says no with 403 to whatever it does not like; only the text tells a lack of rights
/// from a used-up quota.
fn forbidden(message: &str) -> ErrorKind {
    let text = message.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    if says("exceeded quota") {
        ErrorKind::Capacity
    } else if says("because it is being terminated") {
        // The namespace is on its way out.
        ErrorKind::NotFound
    } else if says("violates podsecurity")
        || says("usage per container is")
        || says("usage per pod is")
        || says("serviceaccount \"")
        || says("no priorityclass with name")
        || says("denied the request")
        || says("failed quota")
    {
        ErrorKind::InvalidConfig
    } else {
        ErrorKind::PermissionDenied
    }
}

fn by_status(status: u16, message: &str) -> ErrorKind {
    match status {
        400 | 413 | 422 => ErrorKind::InvalidConfig,
        401 => ErrorKind::Unauthenticated,
        403 => forbidden(message),
        404 => ErrorKind::NotFound,
        405 | 406 | 415 => ErrorKind::Unsupported,
        409 => ErrorKind::Conflict,
        410 => ErrorKind::Unavailable,
        429 => ErrorKind::Throttled,
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use ErrorKind as K;

    use super::*;

    #[test]
    fn every_reason_of_the_kubernetes_api_has_a_kind() {
        // Every reason that the API machinery defines, with the status it comes with.
        let table = [
            ("Unauthorized", 401, K::Unauthenticated),
            ("Forbidden", 403, K::PermissionDenied),
            ("NotFound", 404, K::NotFound),
            ("AlreadyExists", 409, K::Conflict),
            ("Conflict", 409, K::Conflict),
            ("Gone", 410, K::Unavailable),
            ("Expired", 410, K::Unavailable),
            ("Invalid", 422, K::InvalidConfig),
            ("ServerTimeout", 500, K::Unavailable),
            ("StoreReadError", 500, K::Unavailable),
            ("Timeout", 504, K::Unavailable),
            ("TooManyRequests", 429, K::Throttled),
            ("BadRequest", 400, K::InvalidConfig),
            ("MethodNotAllowed", 405, K::Unsupported),
            ("NotAcceptable", 406, K::Unsupported),
            ("RequestEntityTooLarge", 413, K::InvalidConfig),
            ("UnsupportedMediaType", 415, K::Unsupported),
            ("InternalError", 500, K::Unavailable),
            ("ServiceUnavailable", 503, K::Unavailable),
        ];
        for (reason, status, kind) in table {
            assert_eq!(kind_of(reason, "", status), kind, "{reason}");
            // A proxy in between drops the body, and a new server may invent a reason.
            assert_eq!(kind_of("", "", status), kind, "{status}");
            assert_eq!(kind_of("BrandNewReason", "", status), kind, "{status}");
        }
        assert_eq!(kind_of("", "", 418), K::Unexpected);
    }

    #[test]
    fn what_admission_forbids_is_told_by_its_text() {
        for (message, kind) in [
            (
                "pods is forbidden: User \"ci\" cannot create resource \"pods\" in API group \"\"",
                K::PermissionDenied,
            ),
            (
                "pods \"x\" is forbidden: exceeded quota: jobs, requested: pods=1, used: pods=50",
                K::Capacity,
            ),
            (
                "pods \"x\" is forbidden: unable to create new content in namespace jobs because \
                 it is being terminated",
                K::NotFound,
            ),
            (
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": root",
                K::InvalidConfig,
            ),
            (
                "pods \"x\" is forbidden: maximum memory usage per Container is 1Gi",
                K::InvalidConfig,
            ),
            (
                "pods \"x\" is forbidden: error looking up service account jobs/ci: \
                 serviceaccount \"ci\" not found",
                K::InvalidConfig,
            ),
            (
                "pods \"x\" is forbidden: no PriorityClass with name high was found",
                K::InvalidConfig,
            ),
            (
                "pods \"x\" is forbidden: failed quota: jobs: must specify limits.cpu",
                K::InvalidConfig,
            ),
            ("admission webhook \"policy\" denied the request: no", K::InvalidConfig),
        ] {
            assert_eq!(kind_of("Forbidden", message, 403), kind, "{message}");
        }
    }
}
