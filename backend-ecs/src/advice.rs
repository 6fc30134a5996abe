//! What to do about a refusal by ECS or EC2.

use fargate_core::ErrorKind;

/// A remedy for a refusal of `action` (an IAM action such as `ecs:RunTask`), where it is not the
/// same for every AWS service.
pub(crate) fn own_advice(kind: ErrorKind, message: &str, action: &str) -> Option<String> {
    let text = message.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    let hint = match kind {
        ErrorKind::PermissionDenied if action == "iam:PassRole" => {
            "allow iam:PassRole on the task's task role and execution role to the driver"
        }
        ErrorKind::PermissionDenied if action == "ec2:DescribeNetworkInterfaces" => {
            "allow ec2:DescribeNetworkInterfaces to the driver, or set UsePublicIP = false to \
             connect to the private address"
        }
        ErrorKind::Capacity if says("vcpu") || says("limit") => {
            "raise the account's Fargate vCPU quota (Service Quotas), or let fewer jobs run at once"
        }
        ErrorKind::Capacity => {
            "list subnets of several availability zones in Subnet, or add FARGATE beside \
             FARGATE_SPOT in CapacityProviders"
        }
        ErrorKind::NotFound if says("task definition") || says("taskdefinition") => {
            "check TaskDefinition (family, family:revision or ARN), that it is ACTIVE and in this \
             region"
        }
        ErrorKind::NotFound if says("log group") => {
            "make the log group that the task definition names in awslogs-group"
        }
        ErrorKind::NotFound if says("cluster") => "check Cluster and Region in [Fargate]",
        ErrorKind::InvalidConfig if says("no container instances") => {
            "the cluster has no default capacity provider: set LaunchType = \"FARGATE\" or \
             CapacityProviders in [Fargate]"
        }
        ErrorKind::InvalidConfig if says("capacity provider") => {
            "associate the capacity provider with the cluster, or correct CapacityProviders in \
             [Fargate]"
        }
        ErrorKind::InvalidConfig if says("override for container") => {
            "the task definition needs a container of that name: the one that runs sshd"
        }
        ErrorKind::InvalidConfig if says("subnet") => "check Subnet: it must exist in this region",
        ErrorKind::InvalidConfig if says("security group") => {
            "check SecurityGroup: it must exist in the subnet's VPC"
        }
        ErrorKind::InvalidConfig if says("platform") => "check PlatformVersion, or leave it out",
        ErrorKind::InvalidConfig if says("role") => {
            "check the role's ARN and that ecs-tasks.amazonaws.com may assume it"
        }
        ErrorKind::InvalidConfig => "correct the setting AWS names in [Fargate]",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{LOOK_UP, RUN_TASK, STOP};

    #[test]
    fn a_missing_right_names_the_action_and_on_what() {
        let message = "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:PassRole on \
                       resource: arn:aws:iam::1:role/task because no policy allows it";
        for (call, message, words) in [
            (RUN_TASK, message, "execution role"),
            (LOOK_UP, "denied", "UsePublicIP"),
            (STOP, "denied", "ecs:StopTask"),
        ] {
            let hint = call.advice(ErrorKind::PermissionDenied, message).unwrap();
            assert!(hint.contains(words), "{hint}");
        }
    }

    #[test]
    fn each_known_refusal_has_its_own_remedy() {
        use ErrorKind as K;
        let table = [
            (K::InvalidConfig, "No Container Instances were found in your cluster.", "LaunchType"),
            (K::InvalidConfig, "The specified capacity provider X was not found", "associate"),
            (K::InvalidConfig, "Override for container named ci-coordinator is", "container"),
            (K::InvalidConfig, "Error retrieving subnet information", "Subnet"),
            (K::InvalidConfig, "Error retrieving security group information", "SecurityGroup"),
            (K::InvalidConfig, "The specified platform does not exist.", "PlatformVersion"),
            (K::NotFound, "Unable to describe task definition.", "TaskDefinition"),
            (K::NotFound, "Cluster not found.", "Cluster"),
            (K::NotFound, "The specified log group does not exist.", "awslogs-group"),
            (K::Capacity, "Capacity is unavailable at this time.", "availability zones"),
            (K::Capacity, "You've reached the limit on the number of vCPUs", "quota"),
            (K::Unauthenticated, "The security token is expired", "credentials"),
            (K::PermissionDenied, "no", "ecs:RunTask"),
        ];
        for (kind, message, word) in table {
            let hint = RUN_TASK.advice(kind, message).unwrap_or_default();
            assert!(hint.contains(word), "{message}: {hint}");
        }
    }
}
