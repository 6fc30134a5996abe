//! A pod that does not run yet: what it waits for, and whether that can come to pass.

mod registry;

use fargate_core::{StopCause, Stopped};
use k8s_openapi::api::core::v1::{ContainerStateWaiting, ContainerStatus, Pod, PodStatus};

use self::registry::Answer;
use crate::status::{containers, every_container};

/// What the cluster warns of: the reason and message of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// What is known of a pod besides its own state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    /// What the cluster has remarked on it, the latest last.
    pub(crate) remarks: &'a [Remark],
    /// Whether that is all there will be.
    pub(crate) all: bool,
}

impl Told<'_> {
    /// Nothing yet.
    pub(crate) const NOTHING: Self = Self { remarks: &[], all: false };
}

/// What the pod waits for, in the cluster's words.
pub(crate) fn detail(pod: &Pod) -> String {
    let status = pod.status.clone().unwrap_or_default();
    if let Some(why) = unscheduled(&status) {
        let more = if left_out(pod) { "; no Fargate profile has taken the pod" } else { "" };
        return format!("Pending (not scheduled: {why}{more})");
    }
    if !is_scheduled(&status) {
        return "Pending (waiting for a Fargate machine)".to_owned();
    }
    match waiting(&status).next() {
        Some((_, state)) => {
            let reason = state.reason.as_deref().unwrap_or("waiting");
            match state.message.as_deref().filter(|message| !message.is_empty()) {
                Some(message) => format!("Pending ({reason}: {message})"),
                None => format!("Pending ({reason})"),
            }
        }
        None => "Pending".to_owned(),
    }
}

/// The end of a pod that cannot come up by waiting. Some reasons are in the remarks alone.
pub(crate) fn hopeless(pod: &Pod, told: Told<'_>) -> Option<Stopped> {
    let status = pod.status.as_ref()?;
    if !is_scheduled(status) {
        let remarked =
            told.remarks.iter().rev().filter(|remark| remark.reason == "FailedScheduling");
        let remarked = remarked.map(|remark| remark.message.clone());
        let said = unscheduled(status);
        let for_good = said.iter().cloned().chain(remarked).find_map(|why| no_place(&why));
        return for_good.or_else(|| not_taken(pod, &said?));
    }
    waiting(status).find_map(|(container, state)| no_start(container, state, told))
}

/// Whether waiting is in vain only if nobody will say why a container has no image.
pub(crate) fn unexplained(pod: &Pod, remarks: &[Remark]) -> bool {
    let hopeless = |all| hopeless(pod, Told { remarks, all }).is_some();
    hopeless(true) && !hopeless(false)
}

/// Whether the state tells of an image that is not there (yet), without the registry's answer:
/// clusters before Kubernetes 1.32 have it in an event alone, once they try again.
fn is_bare(state: &ContainerStateWaiting) -> bool {
    let message = state.message.as_deref().unwrap_or_default();
    matches!(state.reason.as_deref(), Some("ErrImagePull" | "ImagePullBackOff"))
        && (message.is_empty()
            || message.starts_with("Back-off pulling image") && !message.contains("\": "))
}

/// The registry's latest answer for the container's image.
fn registry_said<'a>(container: &ContainerStatus, remarks: &'a [Remark]) -> Option<&'a str> {
    let image = format!("\"{}\"", container.image);
    let told = |remark: &&Remark| {
        remark.reason == "Failed"
            && remark.message.starts_with("Failed to pull image")
            && remark.message.contains(&image)
    };
    remarks.iter().rev().find(told).map(|remark| remark.message.as_str())
}

/// Why the scheduler has found no place.
fn unscheduled(status: &PodStatus) -> Option<String> {
    let condition = status.conditions.iter().flatten().find(|one| one.type_ == "PodScheduled")?;
    if condition.status != "False" {
        return None;
    }
    let message = condition.message.as_deref().filter(|message| !message.is_empty());
    Some(message.or(condition.reason.as_deref()).unwrap_or("no reason given").to_owned())
}

/// Whether EKS has left the pod to the scheduler of other nodes.
pub(crate) fn left_out(pod: &Pod) -> bool {
    let scheduler = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
    scheduler.is_some_and(|name| name != "fargate-scheduler")
}

fn is_scheduled(status: &PodStatus) -> bool {
    let scheduled = status
        .conditions
        .iter()
        .flatten()
        .any(|one| one.type_ == "PodScheduled" && one.status == "True");
    scheduled || containers(status).next().is_some()
}

/// Fargate's scheduler says no once and does not look again, so waiting for it is in vain.
///
/// Whatever the default scheduler says may change: a node may come.
fn no_place(why: &str) -> Option<Stopped> {
    let text = why.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    let (cause, hint) = if says("capacity is unavailable") || says("insufficient capacity") {
        (
            StopCause::Capacity,
            "Fargate has no room in the profile's subnets: give the profile subnets of several \
             availability zones",
        )
    } else if says("not supported on fargate") {
        (
            StopCause::FailedToStart,
            "Fargate runs no privileged containers, host ports, host paths, GPUs or EBS volumes: \
             remove it from the pod template",
        )
    } else if says("exceed the max fargate configuration") {
        (StopCause::FailedToStart, "lower CPU or Memory: 16 vCPU and 120 GB are the most")
    } else if says("fargate profile") || says("matching profile") || says("match any profile") {
        (
            StopCause::FailedToStart,
            "let a Fargate profile select the namespace, and the labels if it has any",
        )
    } else {
        return None;
    };
    Some(
        Stopped::new(cause, format!("the pod cannot be scheduled: {why}"))
            .fact("scheduler", why)
            .hint(hint),
    )
}

/// The end of a pod that is meant for Fargate and was left to the scheduler of other nodes, which
/// has no place for it. EKS hands a pod to Fargate when it is created, or never.
fn not_taken(pod: &Pod, why: &str) -> Option<Stopped> {
    let spec = pod.spec.as_ref()?;
    let for_nodes = spec.node_selector.as_ref().is_some_and(|labels| !labels.is_empty());
    if spec.scheduler_name.as_deref() != Some("default-scheduler") || for_nodes {
        return None;
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let reason = format!("no Fargate profile has taken the pod, and no other node does: {why}");
    Some(Stopped::new(StopCause::FailedToStart, reason).fact("scheduler", why).hint(format!(
        "let a Fargate profile select the namespace {namespace}, and the pod's labels if it has \
         any; set NodeSelector if the cluster's own nodes are meant"
    )))
}

/// The containers that wait, in the order they start in.
fn waiting(status: &PodStatus) -> impl Iterator<Item = (&ContainerStatus, &ContainerStateWaiting)> {
    every_container(status)
        .filter_map(|one| Some((one, one.state.as_ref()?.waiting.as_ref()?)))
        // The others wait for this one.
        .filter(|(_, state)| state.reason.as_deref() != Some("PodInitializing"))
}

/// The end of a pod with a container that cannot start.
///
/// Reasons: `pkg/kubelet/images/types.go` and `pkg/kubelet/kuberuntime` of Kubernetes.
fn no_start(
    container: &ContainerStatus,
    state: &ContainerStateWaiting,
    told: Told<'_>,
) -> Option<Stopped> {
    let reason = state.reason.as_deref()?;
    let remarked = registry_said(container, told.remarks).filter(|_| is_bare(state));
    let unexplained = is_bare(state) && remarked.is_none() && !told.all;
    let message = remarked.or(state.message.as_deref()).unwrap_or_default();
    let answer = Answer::new(message, &container.image);
    let (cause, hint) = match reason {
        "ErrImageNeverPull" => (
            StopCause::Image,
            "the pull policy Never takes images that the machine has, and a Fargate machine has \
             none: choose another",
        ),
        "InvalidImageName" | "ImageInspectError" => (StopCause::Image, answer.hint()),
        // The kubelet tries again and again; what the registry says for good stays so.
        "ErrImagePull" if answer.is_final() => (StopCause::Image, answer.hint()),
        "ImagePullBackOff" if !unexplained && !answer.is_passing() => {
            (StopCause::Image, answer.hint())
        }
        "CreateContainerConfigError" => (
            StopCause::FailedToStart,
            "create the Secret or ConfigMap the pod template names, or correct it",
        ),
        "CreateContainerError"
        | "RunContainerError"
        | "PreStartHookError"
        | "PostStartHookError"
        | "CrashLoopBackOff"
        | "CreatePodSandboxError"
        | "ConfigPodSandboxError" => (
            StopCause::FailedToStart,
            "check the image's entry point and CPU architecture (Fargate pods are x86-64), and \
             the pod template",
        ),
        _ => return None,
    };
    let name = &container.name;
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    Some(
        Stopped::new(cause, format!("the container {name} cannot start: {reason}{said}"))
            .fact("image", container.image.as_str())
            .hint(hint),
    )
}

#[cfg(test)]
mod tests;
