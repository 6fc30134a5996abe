//! AWS error codes as kinds, as far as all services share them.

use fargate_core::ErrorKind;

/// The kind of a refusal: by code, then by HTTP status.
///
/// Codes: "Common Error Types" in the API references of the services, and EC2's and STS's names
/// for them.
pub(crate) fn kind_of(code: &str, status: u16) -> ErrorKind {
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "EC2ThrottledException" => ErrorKind::Throttled,

        "ServerException"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "Unavailable"
        | "RequestTimeout"
        | "RequestTimeoutException" => ErrorKind::Unavailable,

        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "BlockedException"
        | "Blocked"
        | "OptInRequired" => ErrorKind::PermissionDenied,

        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure" => ErrorKind::Unauthenticated,

        "ResourceNotFoundException" => ErrorKind::NotFound,

        "ClientException"
        | "InvalidParameterException"
        | "InvalidRequestException"
        | "ValidationException"
        | "ValidationError"
        | "MalformedQueryString"
        | "MissingParameter"
        | "InvalidParameterCombination"
        | "InvalidParameterValue" => ErrorKind::InvalidConfig,

        "UnknownOperationException" | "InvalidAction" => ErrorKind::Unsupported,

        _ => by_status(status),
    }
}

fn by_status(status: u16) -> ErrorKind {
    match status {
        429 => ErrorKind::Throttled,
        500..=599 => ErrorKind::Unavailable,
        401 | 403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        _ => ErrorKind::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use ErrorKind as K;

    use super::*;

    #[test]
    fn every_common_code_has_a_kind() {
        let table = [
            ("ThrottlingException", K::Throttled),
            ("Throttling", K::Throttled),
            ("RequestLimitExceeded", K::Throttled),
            ("TooManyRequestsException", K::Throttled),
            ("InternalFailure", K::Unavailable),
            ("ServerException", K::Unavailable),
            ("ServiceUnavailable", K::Unavailable),
            ("UnauthorizedOperation", K::PermissionDenied),
            ("AccessDenied", K::PermissionDenied),
            ("OptInRequired", K::PermissionDenied),
            ("ExpiredTokenException", K::Unauthenticated),
            ("ExpiredToken", K::Unauthenticated),
            ("RequestExpired", K::Unauthenticated),
            ("UnrecognizedClientException", K::Unauthenticated),
            ("InvalidClientTokenId", K::Unauthenticated),
            ("InvalidSignatureException", K::Unauthenticated),
            ("SignatureDoesNotMatch", K::Unauthenticated),
            ("MissingAuthenticationToken", K::Unauthenticated),
            ("AuthFailure", K::Unauthenticated),
            ("IncompleteSignature", K::Unauthenticated),
            ("ResourceNotFoundException", K::NotFound),
            ("ValidationError", K::InvalidConfig),
            ("ClientException", K::InvalidConfig),
            ("InvalidAction", K::Unsupported),
        ];
        for (code, kind) in table {
            assert_eq!(kind_of(code, 400), kind, "{code}");
        }
    }

    #[test]
    fn an_unknown_code_goes_by_its_http_status() {
        for (status, kind) in [
            (500, K::Unavailable),
            (503, K::Unavailable),
            (429, K::Throttled),
            (403, K::PermissionDenied),
            (404, K::NotFound),
            (400, K::Unexpected),
        ] {
            assert_eq!(kind_of("BrandNewException", status), kind, "{status}");
        }
    }
}
