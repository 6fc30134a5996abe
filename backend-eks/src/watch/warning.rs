//! The cluster's warnings in plain words.

use k8s_openapi::api::core::v1::{Event, Pod};

use crate::pending::{self, Remark};

/// Longer messages are cut: stack traces and the like.
const LONGEST: usize = 600;

/// What a warning event says, unless it says nothing of use.
pub(super) fn remark(event: &Event) -> Option<Remark> {
    if event.type_.as_deref() != Some("Warning") {
        return None;
    }
    let said = event.message.as_deref().unwrap_or_default();
    let remark = Remark {
        reason: event.reason.clone().unwrap_or_default(),
        message: said.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let empty = match (remark.reason.as_str(), remark.message.as_str()) {
        // Each Fargate pod gets this one where nobody set up logging; the job log is ours.
        ("LoggingDisabled", _) => true,
        // The kubelet says the same before, with the registry's answer.
        ("Failed", "Error: ErrImagePull" | "Error: ImagePullBackOff") => true,
        (_, message) => message.is_empty(),
    };
    (!empty).then_some(remark)
}

/// A remark on `pod` for the person whose job it is.
///
/// Reasons: `pkg/kubelet/events/event.go` and the schedulers of Kubernetes.
pub(super) fn words(remark: &Remark, pod: &Pod, namespace: &str) -> String {
    let reason = remark.reason.as_str();
    let what = match reason {
        "FailedScheduling" => "the pod has no place yet",
        "Failed" => "a container cannot start",
        "BackOff" => "a container is tried again after a pause",
        "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" => "a volume is not there yet",
        "FailedCreatePodSandBox" | "NetworkNotReady" => "the pod's network is not there yet",
        "Unhealthy" => "a probe of the pod template fails",
        "Evicted" | "Preempting" | "NodeShutdown" | "NodeNotReady" => "the pod's machine goes",
        "ExceededGracePeriod" => "the pod took too long to end",
        _ => "the cluster warns",
    };
    let mut text = format!("{what} ({reason}): {}", remark.message);
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    if reason == "FailedScheduling" && pending::left_out(pod) {
        text.push_str(&format!(
            "; no Fargate profile has taken the pod: let one select the namespace {namespace}, \
             and the pod's labels if it has any"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, reason: &str, message: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {}, "type": kind, "reason": reason,
            "message": message,
        }))
        .expect("an event")
    }

    #[test]
    fn only_what_says_something_is_a_warning() {
        for (kind, reason, message) in [
            ("Normal", "Scheduled", "Successfully assigned"),
            ("Warning", "LoggingDisabled", "Disabled logging because aws-logging was not found."),
            ("Warning", "Failed", "Error: ErrImagePull"),
            ("Warning", "Failed", "Error: ImagePullBackOff"),
            ("Warning", "Strange", " \n"),
        ] {
            assert_eq!(remark(&event(kind, reason, message)), None, "{reason}: {message}");
        }
        let remark = remark(&event("Warning", "FailedMount", "line one\n  line two")).unwrap();
        assert_eq!(remark.message, "line one line two");
    }

    #[test]
    fn a_warning_says_what_it_means_and_what_the_cluster_said() {
        let said = |reason: &str, message: &str| {
            words(
                &Remark { reason: reason.into(), message: message.into() },
                &Pod::default(),
                "jobs",
            )
        };
        assert_eq!(
            said("FailedMount", "secret \"x\" not found"),
            "a volume is not there yet (FailedMount): secret \"x\" not found"
        );
        assert_eq!(said("BrandNew", "x"), "the cluster warns (BrandNew): x");
        let long = said("Failed", &"ä".repeat(5000));
        assert!(long.chars().count() <= LONGEST + 1, "{}", long.len());
    }

    #[test]
    fn a_pod_that_no_profile_took_is_told_what_one_must_select() {
        let remark = Remark { reason: "FailedScheduling".into(), message: "no nodes".into() };
        let pod = |scheduler: &str| -> Pod {
            serde_json::from_value(
                json!({"metadata": {}, "spec": {"containers": [], "schedulerName": scheduler}}),
            )
            .expect("a pod")
        };
        let text = words(&remark, &pod("default-scheduler"), "jobs");
        assert!(text.contains("select the namespace jobs"), "{text}");
        let text = words(&remark, &pod("fargate-scheduler"), "jobs");
        assert!(!text.contains("profile"), "{text}");
    }
}
