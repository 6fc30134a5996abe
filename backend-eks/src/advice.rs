//! What to do about a refusal by the cluster.

use fargate_core::ErrorKind;

use crate::call::Call;
use crate::denied::missing_rule;

/// A remedy for a refusal of `call` in `namespace`.
pub(crate) fn advice(
    kind: ErrorKind,
    message: &str,
    call: Call,
    namespace: &str,
) -> Option<String> {
    let text = message.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    Some(match kind {
        ErrorKind::PermissionDenied => missing_rule(message, call.verb, call.resource, namespace),
        ErrorKind::Unauthenticated => {
            "let the cluster know the driver's AWS role or user (an EKS access entry, or the \
             aws-auth ConfigMap), and check the credentials and the clock of this machine"
                .to_owned()
        }
        ErrorKind::NotFound if says("namespaces \"") || says("being terminated") => format!(
            "create the namespace {namespace} and a Fargate profile that selects it, or correct \
             Namespace"
        ),
        ErrorKind::Throttled => {
            "the API server asks to slow down; start fewer jobs at once, or give the driver a \
             priority level of its own (API Priority and Fairness)"
                .to_owned()
        }
        ErrorKind::Capacity => format!(
            "raise the ResourceQuota of the namespace {namespace}, or let fewer jobs run at once"
        ),
        ErrorKind::InvalidConfig if says("podsecurity") => format!(
            "the namespace {namespace} enforces a Pod Security Standard: set the securityContext \
             it asks for in the pod template, or relax the label \
             pod-security.kubernetes.io/enforce"
        ),
        ErrorKind::InvalidConfig if says("serviceaccount") => {
            format!("create the service account in the namespace {namespace}, or correct it")
        }
        ErrorKind::InvalidConfig if says("priorityclass") => {
            "create the priority class, or correct PriorityClass".to_owned()
        }
        ErrorKind::InvalidConfig if says("per container") || says("per pod") || says("quota") => {
            "set CPU and Memory as the LimitRange or ResourceQuota of the namespace asks for"
                .to_owned()
        }
        ErrorKind::InvalidConfig if says("denied the request") => {
            "an admission policy of the cluster refuses the pod: set what it asks for in the pod \
             template"
                .to_owned()
        }
        ErrorKind::InvalidConfig if says("unknown field") => {
            "correct the field in the pod template".to_owned()
        }
        ErrorKind::InvalidConfig => {
            "correct what the API server names, in the settings or the pod template".to_owned()
        }
        ErrorKind::Unavailable if says("webhook") => {
            "an admission webhook of the cluster does not answer: see its pods".to_owned()
        }
        _ => return None,
    })
}

/// What to do where the cluster cannot be reached.
pub(crate) const ROUTE: &str = "check the cluster's address, DNS and the route to it (private \
                                endpoint, security group, proxy)";

/// What to do where the cluster's certificate is refused.
pub(crate) const TRUST: &str = "somebody else answers in the cluster's place, or a new cluster has \
                                its address: check the address, DNS and proxies, and the \
                                certificate authority in the kubeconfig";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CREATE, LIST};

    #[test]
    fn each_known_refusal_has_its_own_remedy() {
        use ErrorKind as K;
        for (kind, message, word) in [
            (K::PermissionDenied, "no", "verbs: [\"create\"]"),
            (K::Unauthenticated, "Unauthorized", "access entry"),
            (K::NotFound, "namespaces \"jobs\" not found", "Fargate profile"),
            (K::Throttled, "slow", "fewer jobs"),
            (K::Capacity, "exceeded quota", "ResourceQuota"),
            (K::InvalidConfig, "violates PodSecurity", "securityContext"),
            (K::InvalidConfig, "serviceaccount \"x\" not found", "service account"),
            (K::InvalidConfig, "no PriorityClass with name x", "PriorityClass"),
            (K::InvalidConfig, "maximum cpu usage per Container is 1", "LimitRange"),
            (K::InvalidConfig, "webhook \"x\" denied the request", "policy"),
            (K::InvalidConfig, "strict decoding error: unknown field \"spec.x\"", "template"),
            (K::InvalidConfig, "spec.containers[0].image: Required", "names"),
            (K::Unavailable, "failed calling webhook", "webhook"),
        ] {
            let hint = advice(kind, message, CREATE, "jobs").unwrap_or_default();
            assert!(hint.contains(word), "{message}: {hint}");
        }
        assert_eq!(advice(K::NotFound, "pods \"x\" not found", LIST, "jobs"), None);
    }
}
