//! Entries of `failures[]`: RunTask can answer 200 and start nothing.

use aws_sdk_ecs::types::Failure;
use fargate_core::{Error, ErrorKind};

use crate::error::RUN_TASK;

/// The failures of a RunTask that started nothing, as one error.
///
/// Reasons: "API failure reasons" in the ECS developer guide.
pub(crate) fn not_started(failures: &[Failure]) -> Error {
    let Some(first) = failures.first() else {
        return Error::new(
            ErrorKind::Unavailable,
            RUN_TASK.op,
            "AWS answered with neither a task nor a failure",
        );
    };
    let reason = first.reason().unwrap_or("no reason given");
    let kind = kind_of(reason);
    let mut error = Error::new(kind, RUN_TASK.op, format!("AWS did not start the task: {reason}"))
        .with("reason", reason);
    if let Some(detail) = first.detail() {
        error = error.with("detail", detail);
    }
    if let Some(arn) = first.arn() {
        error = error.with("resource", arn);
    }
    let hint = match kind {
        ErrorKind::InvalidConfig => Some(
            "the cluster placed the task on EC2 instances: set LaunchType = \"FARGATE\" or \
             CapacityProviders in [Fargate]"
                .to_owned(),
        ),
        kind => RUN_TASK.advice(kind, reason),
    };
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn kind_of(reason: &str) -> ErrorKind {
    let text = reason.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    // RESOURCE:CPU, RESOURCE:MEMORY, RESOURCE:ENI, …
    if text.starts_with("resource:")
        || says("capacity")
        || says("limit on the number of")
        || says("vcpu")
    {
        ErrorKind::Capacity
    } else if says("throttl") || says("rate exceeded") {
        ErrorKind::Throttled
    } else if text == "missing" {
        ErrorKind::NotFound
    } else if ["agent", "attribute", "location", "memberof", "inactive"]
        .iter()
        .any(|word| text.starts_with(word))
    {
        ErrorKind::InvalidConfig
    } else {
        ErrorKind::Unexpected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_kind() {
        use ErrorKind as K;
        for (reason, kind) in [
            ("RESOURCE:CPU", K::Capacity),
            ("RESOURCE:MEMORY", K::Capacity),
            ("RESOURCE:ENI", K::Capacity),
            ("Capacity is unavailable at this time. Please try again later", K::Capacity),
            ("You've reached the limit on the number of vCPUs you can run", K::Capacity),
            ("AGENT", K::InvalidConfig),
            ("ATTRIBUTE", K::InvalidConfig),
            ("LOCATION", K::InvalidConfig),
            ("INACTIVE", K::InvalidConfig),
            ("MISSING", K::NotFound),
            ("something new", K::Unexpected),
        ] {
            let failure = Failure::builder().reason(reason).detail("d").arn("a").build();
            let error = not_started(&[failure]);
            assert_eq!(error.kind(), kind, "{reason}");
            assert!(error.message().contains(reason), "{error}");
            assert_eq!(error.context_value("detail"), Some("d"));
        }
    }

    #[test]
    fn an_empty_answer_is_an_error_too() {
        assert_eq!(not_started(&[]).kind(), ErrorKind::Unavailable);
    }
}
