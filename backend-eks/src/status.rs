//! What a pod's object says, in the terms of the contracts.

use fargate_core::{AgentSetup, Error, ErrorKind, Stopped, TaskStatus};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};

use crate::call::GET;
use crate::handle::EksTask;
use crate::pending::Told;
use crate::pod::CONTAINER;
use crate::{ended, pending};

/// A pod as the cluster shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// On its way up, with an address as soon as it has one.
    Starting(String, Option<String>),
    /// With its address, where the cluster has told it.
    Running(Option<String>),
    Stopped(Stopped),
}

impl Seen {
    /// As the status of `task`.
    pub(crate) fn status(self, task: &EksTask) -> TaskStatus {
        match self {
            Self::Starting(detail, ip) => {
                TaskStatus::Pending { detail, endpoint: task.endpoint(ip, false) }
            }
            Self::Running(ip) => TaskStatus::Running { endpoint: task.endpoint(ip, true) },
            Self::Stopped(stopped) => TaskStatus::Stopped(stopped),
        }
    }
}

/// The cluster does not know the pod.
pub(crate) fn forgotten(task: &EksTask) -> Error {
    Error::new(
        ErrorKind::NotFound,
        GET.op,
        "the cluster does not know the pod (any more): it was deleted",
    )
    .with("pod", format!("{}/{}", task.namespace, task.name))
}

/// Reads the phase, the conditions and the containers.
///
/// Source: "Pod Lifecycle" in the Kubernetes documentation.
pub(crate) fn observe(pod: &Pod) -> Seen {
    observe_with(pod, Told::NOTHING)
}

/// As [`observe`], with what else the cluster has told of the pod.
pub(crate) fn observe_with(pod: &Pod, told: Told<'_>) -> Seen {
    if is_over(pod) {
        return Seen::Stopped(ended::stopped(pod));
    }
    let status = pod.status.clone().unwrap_or_default();
    let address = status.pod_ip.clone().filter(|ip| !ip.is_empty());
    let runs = own_state(&status).is_some_and(|state| state.running.is_some());
    // What the template has beside the jobs' container is not the task's.
    if runs && !has_agent(&status) {
        return Seen::Running(address);
    }
    match pending::hopeless(pod, told) {
        Some(stopped) => Seen::Stopped(stopped),
        None if runs => Seen::Running(address),
        None => Seen::Starting(pending::detail(pod), address),
    }
}

/// Whether the pod is over, or on its way there: it never comes back.
pub(crate) fn is_over(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return pod.metadata.deletion_timestamp.is_some() };
    pod.metadata.deletion_timestamp.is_some()
        || matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
        // A sidecar may live on without the jobs' container.
        || own_state(status).is_some_and(|state| state.terminated.is_some())
        || ended_helper(status).is_some()
}

/// The helper container, once it is over: a job cannot go on without it.
pub(crate) fn ended_helper(status: &PodStatus) -> Option<&ContainerStatus> {
    let ended = |one: &ContainerStatus| one.state.as_ref()?.terminated.as_ref().map(drop);
    let helper = containers(status).find(|one| one.name == AgentSetup::HELPER);
    helper.filter(|one| has_agent(status) && ended(one).is_some())
}

/// Whether nothing of the pod runs any more.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The state of the jobs' container.
pub(crate) fn own_state(status: &PodStatus) -> Option<&ContainerState> {
    containers(status).find(|one| one.name == CONTAINER)?.state.as_ref()
}

/// Whether the pod is one with the agent: then its other containers are the task's, too.
pub(crate) fn has_agent(status: &PodStatus) -> bool {
    let mut inits = status.init_container_statuses.iter().flatten();
    inits.any(|one| one.name == AgentSetup::BRINGER)
}

/// What is known of the containers.
pub(crate) fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    status.container_statuses.iter().flatten()
}

/// What is known of all containers, those that run before the others first.
pub(crate) fn every_container(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    status.init_container_statuses.iter().flatten().chain(containers(status))
}

#[cfg(test)]
pub(crate) mod tests {
    use fargate_core::StopCause;
    use serde_json::{Value, json};

    use super::*;

    /// A pod with this status.
    pub(crate) fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "ci-k", "uid": "u"}, "status": status,
        }))
        .expect("a pod")
    }

    /// The status of the jobs' container alone.
    pub(crate) fn own(state: &Value) -> Value {
        json!([{
            "name": CONTAINER, "state": state, "image": "i", "imageID": "", "ready": false,
            "restartCount": 0,
        }])
    }

    #[test]
    fn a_running_container_has_an_address() {
        let running = json!({"phase": "Running", "podIP": "10.0.0.7",
            "containerStatuses": own(&json!({"running": {}}))});
        assert_eq!(observe(&pod(&running)), Seen::Running(Some("10.0.0.7".to_owned())));
        let silent = json!({"phase": "Running",
            "containerStatuses": own(&json!({"running": {}}))});
        assert_eq!(observe(&pod(&silent)), Seen::Running(None));
    }

    #[test]
    fn a_pod_whose_sidecar_alone_runs_is_on_its_way() {
        let waiting = json!({"phase": "Running", "podIP": "10.0.0.7",
            "containerStatuses": own(&json!({"waiting": {"reason": "ContainerCreating"}}))});
        assert_eq!(
            observe(&pod(&waiting)),
            Seen::Starting("Pending (ContainerCreating)".to_owned(), Some("10.0.0.7".to_owned()))
        );
    }

    #[test]
    fn a_pod_whose_job_container_ended_is_over_although_a_sidecar_runs() {
        let ended = json!({"phase": "Running",
            "containerStatuses": own(&json!({"terminated": {"exitCode": 3}}))});
        let Seen::Stopped(stopped) = observe(&pod(&ended)) else { panic!("over") };
        assert_eq!(stopped.cause, StopCause::Exited);
    }

    #[test]
    fn beside_a_job_with_the_agent_every_container_must_come_up() {
        let mut status = json!({"phase": "Running", "podIP": "10.0.0.7",
            "containerStatuses": own(&json!({"running": {}}))});
        let mut other = own(&json!({"waiting": {"reason": "ImagePullBackOff",
            "message": "Back-off pulling image \"i\": ErrImagePull: i: not found"}}))[0]
            .take();
        other["name"] = "db".into();
        let others = status["containerStatuses"].as_array_mut().expect("a list");
        others.push(other);
        assert!(matches!(observe(&pod(&status)), Seen::Running(_)), "a sidecar of the template's");
        let mut bringer = own(&json!({"terminated": {"exitCode": 0}}))[0].take();
        bringer["name"] = AgentSetup::BRINGER.into();
        status["initContainerStatuses"] = json!([bringer]);
        let Seen::Stopped(stopped) = observe(&pod(&status)) else { panic!("no such image") };
        assert_eq!(stopped.cause, StopCause::Image);
        assert!(stopped.reason.contains("the container db cannot start"), "{}", stopped.reason);
        status["containerStatuses"][1]["state"] = json!({"terminated": {"exitCode": 1}});
        assert!(matches!(observe(&pod(&status)), Seen::Running(_)), "it ran, and the job goes on");
    }

    #[test]
    fn a_deleted_pod_is_over_at_once() {
        let mut deleted = pod(&json!({"phase": "Running",
            "containerStatuses": own(&json!({"running": {}}))}));
        assert!(!is_over(&deleted));
        deleted.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-02T03:04:05Z")).expect("a time");
        let Seen::Stopped(stopped) = observe(&deleted) else { panic!("over") };
        assert_eq!(stopped.cause, StopCause::Requested);
        assert!(!has_ended(&deleted));
    }

    #[test]
    fn a_pod_of_which_nothing_is_known_is_on_its_way() {
        assert!(matches!(observe(&pod(&json!({}))), Seen::Starting(_, None)));
        assert!(matches!(observe(&Pod::default()), Seen::Starting(_, None)));
    }
}
