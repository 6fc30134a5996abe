//! AWS error codes as kinds.

use fargate_core::ErrorKind;

/// The kind of a refusal: by code, then by message where one code means several things, then by
/// HTTP status.
///
/// Codes: the ECS and EC2 API references, their "Common Error Types", and STS's.
pub(crate) fn kind_of(code: &str, message: &str, status: u16) -> ErrorKind {
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

        "ClusterNotFoundException"
        | "ServiceNotFoundException"
        | "TaskSetNotFoundException"
        | "ServiceDeploymentNotFoundException"
        | "DaemonNotFoundException"
        | "GatewayNotFoundException"
        | "NamespaceNotFoundException"
        | "ResourceNotFoundException"
        | "TargetNotFoundException"
        | "InvalidNetworkInterfaceID.NotFound" => ErrorKind::NotFound,

        "ConflictException"
        | "ResourceInUseException"
        | "UpdateInProgressException"
        | "NoUpdateAvailableException"
        | "MissingVersionException"
        | "ServiceNotActiveException"
        | "DaemonNotActiveException"
        | "TargetNotConnectedException"
        | "ClusterContainsCapacityProviderException"
        | "ClusterContainsContainerInstancesException"
        | "ClusterContainsServicesException"
        | "ClusterContainsTasksException" => ErrorKind::Conflict,

        "LimitExceededException" | "AttributeLimitExceededException" => ErrorKind::Capacity,

        "PlatformUnknownException"
        | "PlatformTaskDefinitionIncompatibilityException"
        | "ValidationException"
        | "ValidationError"
        | "MalformedQueryString"
        | "MissingParameter"
        | "InvalidParameterCombination"
        | "InvalidParameterValue"
        | "InvalidNetworkInterfaceID.Malformed"
        | "InvalidSubnetID.NotFound"
        | "InvalidSubnetID.Malformed"
        | "InvalidGroup.NotFound"
        | "InvalidGroupId.Malformed"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidSecurityGroupId.Malformed" => ErrorKind::InvalidConfig,

        "UnsupportedFeatureException" | "UnknownOperationException" | "InvalidAction" => {
            ErrorKind::Unsupported
        }

        "ClientException" | "InvalidParameterException" => by_message(message),
        _ => by_status(status),
    }
}

/// `ClientException` and `InvalidParameterException` cover everything from a typing error to a
/// full region; only the text tells them apart.
fn by_message(message: &str) -> ErrorKind {
    let text = message.to_ascii_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if says(&["capacity is unavailable", "limit on the number of"]) {
        ErrorKind::Capacity
    } else if says(&[
        "taskdefinition not found",
        "task definition not found",
        "unable to describe task definition",
        "taskdefinition is inactive",
        "referenced task was not found",
        "referenced cluster was inactive",
    ]) {
        ErrorKind::NotFound
    } else if says(&["rate exceeded", "too many concurrent"]) {
        ErrorKind::Throttled
    } else {
        ErrorKind::InvalidConfig
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
    fn every_code_of_the_ecs_api_has_a_kind_of_its_own_right() {
        // Every exception the ECS API reference lists, in its order.
        let table = [
            ("AccessDeniedException", K::PermissionDenied),
            ("AttributeLimitExceededException", K::Capacity),
            ("BlockedException", K::PermissionDenied),
            ("ClientException", K::InvalidConfig),
            ("ClusterContainsCapacityProviderException", K::Conflict),
            ("ClusterContainsContainerInstancesException", K::Conflict),
            ("ClusterContainsServicesException", K::Conflict),
            ("ClusterContainsTasksException", K::Conflict),
            ("ClusterNotFoundException", K::NotFound),
            ("ConflictException", K::Conflict),
            ("DaemonNotActiveException", K::Conflict),
            ("DaemonNotFoundException", K::NotFound),
            ("GatewayNotFoundException", K::NotFound),
            ("InvalidParameterException", K::InvalidConfig),
            ("LimitExceededException", K::Capacity),
            ("MissingVersionException", K::Conflict),
            ("NamespaceNotFoundException", K::NotFound),
            ("NoUpdateAvailableException", K::Conflict),
            ("PlatformTaskDefinitionIncompatibilityException", K::InvalidConfig),
            ("PlatformUnknownException", K::InvalidConfig),
            ("ResourceInUseException", K::Conflict),
            ("ResourceNotFoundException", K::NotFound),
            ("ServerException", K::Unavailable),
            ("ServiceDeploymentNotFoundException", K::NotFound),
            ("ServiceNotActiveException", K::Conflict),
            ("ServiceNotFoundException", K::NotFound),
            ("TargetNotConnectedException", K::Conflict),
            ("TargetNotFoundException", K::NotFound),
            ("TaskSetNotFoundException", K::NotFound),
            ("UnsupportedFeatureException", K::Unsupported),
            ("UpdateInProgressException", K::Conflict),
            // Common error types of every AWS service, EC2's and STS's names for them.
            ("ThrottlingException", K::Throttled),
            ("Throttling", K::Throttled),
            ("RequestLimitExceeded", K::Throttled),
            ("TooManyRequestsException", K::Throttled),
            ("InternalFailure", K::Unavailable),
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
            ("ValidationError", K::InvalidConfig),
            ("InvalidSubnetID.NotFound", K::InvalidConfig),
            ("InvalidGroup.NotFound", K::InvalidConfig),
            ("InvalidNetworkInterfaceID.NotFound", K::NotFound),
        ];
        for (code, kind) in table {
            assert_eq!(kind_of(code, "", 400), kind, "{code}");
        }
    }

    #[test]
    fn the_message_tells_apart_what_one_code_covers() {
        let table = [
            ("Capacity is unavailable at this time. Please try again later", K::Capacity),
            (
                "You've reached the limit on the number of vCPUs you can run concurrently",
                K::Capacity,
            ),
            ("TaskDefinition not found.", K::NotFound),
            ("Unable to describe task definition.", K::NotFound),
            ("The referenced task was not found.", K::NotFound),
            ("No Container Instances were found in your cluster.", K::InvalidConfig),
            ("Error retrieving subnet information for [subnet-1]", K::InvalidConfig),
        ];
        for (message, kind) in table {
            for code in ["ClientException", "InvalidParameterException"] {
                assert_eq!(kind_of(code, message, 400), kind, "{code} {message}");
            }
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
            assert_eq!(kind_of("BrandNewException", "", status), kind, "{status}");
        }
    }
}
