//! What to do about a refusal by any service.

use fargate_core::ErrorKind;

/// The remedy for a refusal of `action`, an IAM action such as `ecs:RunTask`.
pub(crate) fn common(kind: ErrorKind, action: &str) -> Option<String> {
    let hint = match kind {
        ErrorKind::PermissionDenied if action == "sts:AssumeRole" => {
            "let the role's trust policy name the driver, and allow sts:AssumeRole to the driver"
        }
        ErrorKind::PermissionDenied => {
            return Some(format!("allow {action} to the driver's role or user"));
        }
        ErrorKind::Unauthenticated => {
            "renew the AWS credentials of the driver (instance role, environment or profile) and \
             check the clock of this machine"
        }
        ErrorKind::Throttled => {
            "the account's API rate is used up; start fewer jobs at once or ask AWS for a higher \
             quota"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The action that a refusal is about: `asked`, unless a lack of rights names another.
pub(crate) fn action<'a>(kind: ErrorKind, message: &'a str, asked: &'a str) -> &'a str {
    match kind {
        ErrorKind::PermissionDenied => denied_action(message).unwrap_or(asked),
        _ => asked,
    }
}

/// The IAM action that AWS names in a refusal such as "… is not authorized to perform: ecs:RunTask
/// on resource …". It may be another than the call's own, as `iam:PassRole` is.
#[must_use]
pub fn denied_action(message: &str) -> Option<&str> {
    let (_, after) = message.split_once("is not authorized to perform: ")?;
    after.split([' ', ',']).next().filter(|action| action.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_denied_action_is_the_one_aws_names() {
        let message = "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:PassRole on \
                       resource: arn:aws:iam::1:role/task because no policy allows it";
        assert_eq!(denied_action(message), Some("iam:PassRole"));
        let kind = ErrorKind::PermissionDenied;
        assert_eq!(action(kind, message, "ecs:RunTask"), "iam:PassRole");
        assert_eq!(action(kind, "denied", "ecs:StopTask"), "ecs:StopTask");
        assert_eq!(action(ErrorKind::Conflict, message, "ecs:RunTask"), "ecs:RunTask");
    }

    #[test]
    fn each_kind_that_all_services_share_has_a_remedy() {
        use ErrorKind as K;
        for (kind, action, word) in [
            (K::PermissionDenied, "eks:DescribeCluster", "allow eks:DescribeCluster"),
            (K::PermissionDenied, "sts:AssumeRole", "trust policy"),
            (K::Unauthenticated, "ecs:RunTask", "credentials"),
            (K::Throttled, "ecs:RunTask", "quota"),
        ] {
            assert!(common(kind, action).is_some_and(|hint| hint.contains(word)), "{word}");
        }
        assert_eq!(common(K::NotFound, "ecs:RunTask"), None);
    }
}
