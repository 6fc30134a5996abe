//! ECS's and EC2's own error codes as kinds.

use fargate_core::{Error, ErrorKind};

/// The kind of a refusal that not every AWS service knows: by code, and by message where one code
/// means several things.
///
/// Codes: the ECS and EC2 API references.
pub(crate) fn own_kind(code: &str, message: &str) -> Option<ErrorKind> {
    Some(match code {
        "ClusterNotFoundException"
        | "ServiceNotFoundException"
        | "TaskSetNotFoundException"
        | "ServiceDeploymentNotFoundException"
        | "DaemonNotFoundException"
        | "GatewayNotFoundException"
        | "NamespaceNotFoundException"
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
        | "InvalidNetworkInterfaceID.Malformed"
        | "InvalidSubnetID.NotFound"
        | "InvalidSubnetID.Malformed"
        | "InvalidGroup.NotFound"
        | "InvalidGroupId.Malformed"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidSecurityGroupId.Malformed" => ErrorKind::InvalidConfig,

        "UnsupportedFeatureException" => ErrorKind::Unsupported,

        "ClientException" | "InvalidParameterException" => by_message(message),
        _ => return None,
    })
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
        // The state after INACTIVE; what is said of it is not documented.
        "delete_in_progress",
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

/// Whether a RunTask failed because its task definition is not there, or not any more.
pub(crate) fn definition_gone(error: &Error) -> bool {
    let text = error.message().to_ascii_lowercase().replace(' ', "");
    error.kind() == ErrorKind::NotFound && text.contains("taskdefinition")
}

#[cfg(test)]
mod tests {
    use ErrorKind as K;

    use fargate_aws_access::{Refusal, refused};

    use super::*;
    use crate::error::RUN_TASK;

    /// With what holds for every service.
    fn kind_of(code: &str, message: &str) -> ErrorKind {
        let (code, message) = (code.to_owned(), message.to_owned());
        let refusal = Refusal { code, message, status: 400, request_id: None };
        refused(RUN_TASK, refusal).kind()
    }

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
            // EC2's.
            ("InvalidSubnetID.NotFound", K::InvalidConfig),
            ("InvalidGroup.NotFound", K::InvalidConfig),
            ("InvalidNetworkInterfaceID.NotFound", K::NotFound),
        ];
        for (code, kind) in table {
            assert_eq!(kind_of(code, ""), kind, "{code}");
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
            ("TaskDefinition is in state DELETE_IN_PROGRESS", K::NotFound),
            ("Unable to describe task definition.", K::NotFound),
            ("The referenced task was not found.", K::NotFound),
            ("No Container Instances were found in your cluster.", K::InvalidConfig),
            ("Error retrieving subnet information for [subnet-1]", K::InvalidConfig),
        ];
        for (message, kind) in table {
            for code in ["ClientException", "InvalidParameterException"] {
                assert_eq!(kind_of(code, message), kind, "{code} {message}");
            }
        }
    }
}
