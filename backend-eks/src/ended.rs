//! Why a pod ended, and what to do about it.

use fargate_core::{AgentSetup, StopCause, Stopped};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

use crate::pod::CONTAINER;
use crate::status::{ended_helper, every_container, has_agent, has_ended, own_state};

/// The end of `pod`.
pub(crate) fn stopped(pod: &Pod) -> Stopped {
    let status = pod.status.clone().unwrap_or_default();
    let deleted = pod.metadata.deletion_timestamp.is_some();
    let ended = ended_container(&status);
    let state = ended.map(|(_, state)| state);
    let ending = deleted && (!has_ended(pod) || state.is_some_and(|state| outlived(pod, state)));
    let cause = cause(&status, state, ending);

    let end = ended.filter(|_| cause != StopCause::Requested);
    let mut stop = Stopped::new(cause, sentence(&status, end, deleted));
    if let Some(reason) = status.reason.as_deref().filter(|reason| !reason.is_empty()) {
        stop = stop.fact("reason", reason);
    }
    if let Some((reason, message)) = disrupted(&status) {
        // The kubelet tells the same in both places.
        let news = Some(message) != status.message.as_deref();
        let told = if news { format!("{reason}: {message}") } else { reason.to_owned() };
        stop = stop.fact("disruption", told);
    }
    for (one, state) in terminated(&status) {
        stop = stop.fact("container", line(one, state));
    }
    match hint(&status, cause, ended.map(|(one, _)| one.name.as_str())) {
        Some(hint) => stop.hint(hint),
        None => stop,
    }
}

/// Whether the container ended after somebody had asked for the pod's deletion, which it is then
/// told of by a signal.
fn outlived(pod: &Pod, state: &ContainerStateTerminated) -> bool {
    let (Some(by), Some(end)) = (&pod.metadata.deletion_timestamp, &state.finished_at) else {
        return false;
    };
    // The time of a deletion is when its grace is over.
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or_default();
    end.0.as_second() >= by.0.as_second() - grace
}

/// The class of the cause: the pod's own words first, because a container killed with the
/// machine looks like any other that was killed.
///
/// Reasons of pods: the kubelet's eviction, node shutdown and preemption managers, and
/// `activeDeadlineSeconds`. Conditions: "Pod disruption conditions" in the Kubernetes
/// documentation.
fn cause(status: &PodStatus, ended: Option<&ContainerStateTerminated>, ending: bool) -> StopCause {
    match status.reason.as_deref() {
        Some("Evicted") if own_storage(status) => return StopCause::Exited,
        Some("Evicted") if own_memory(status) => return StopCause::OutOfMemory,
        Some(
            "Evicted" | "NodeShutdown" | "Shutdown" | "Terminated" | "NodeLost" | "NodeAffinity"
            | "Preempting" | "Preempted",
        ) => return StopCause::Interrupted,
        Some("DeadlineExceeded") => return StopCause::Exited,
        Some("OutOfcpu" | "OutOfmemory" | "OutOfpods" | "OutOfephemeral-storage") => {
            return StopCause::Capacity;
        }
        Some("UnexpectedAdmissionError") => return StopCause::FailedToStart,
        _ => {}
    }
    if disrupted(status).is_some() {
        return StopCause::Interrupted;
    }
    match ended.and_then(|state| state.reason.as_deref()) {
        Some("OOMKilled") => return StopCause::OutOfMemory,
        Some("ContainerCannotRun" | "StartError") => return StopCause::FailedToStart,
        // The machine has gone with whoever knew the end.
        Some("ContainerStatusUnknown") => return StopCause::Interrupted,
        _ => {}
    }
    if ending {
        return StopCause::Requested;
    }
    if ended.is_some() { StopCause::Exited } else { StopCause::Unknown }
}

/// Whether the pod was evicted for what it wrote: a Fargate machine has no other pod.
fn own_storage(status: &PodStatus) -> bool {
    says(status, "ephemeral")
}

/// Whether the pod was evicted for the memory it used.
fn own_memory(status: &PodStatus) -> bool {
    says(status, "low on resource: memory")
}

fn says(status: &PodStatus, words: &str) -> bool {
    let message = status.message.as_deref().unwrap_or_default();
    message.to_ascii_lowercase().contains(words)
}

/// Why the cluster took the pod's place, if it did.
fn disrupted(status: &PodStatus) -> Option<(&str, &str)> {
    let target = status
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_ == "DisruptionTarget" && one.status == "True")?;
    Some((
        target.reason.as_deref().unwrap_or("DisruptionTarget"),
        target.message.as_deref().unwrap_or_default(),
    ))
}

fn terminated(
    status: &PodStatus,
) -> impl Iterator<Item = (&ContainerStatus, &ContainerStateTerminated)> {
    every_container(status).filter_map(|one| Some((one, one.state.as_ref()?.terminated.as_ref()?)))
}

/// The container whose end explains the pod's: the job's own, else the helper, else one that failed.
fn ended_container(status: &PodStatus) -> Option<(&ContainerStatus, &ContainerStateTerminated)> {
    let own = terminated(status).find(|(one, _)| one.name == CONTAINER);
    // What has failed beside a job that runs has not ended the pod.
    let runs = own_state(status).is_some_and(|state| state.running.is_some());
    let helper = ended_helper(status).map(|helper| helper.name.as_str());
    own.or_else(|| terminated(status).find(|(one, _)| Some(one.name.as_str()) == helper))
        .or_else(|| terminated(status).find(|(_, state)| state.exit_code != 0 && !runs))
}

fn sentence(
    status: &PodStatus,
    ended: Option<(&ContainerStatus, &ContainerStateTerminated)>,
    deleted: bool,
) -> String {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(reason) = said(&status.reason) {
        return match said(&status.message) {
            Some(message) => format!("{reason}: {message}"),
            None => reason,
        };
    }
    if let Some((reason, message)) = disrupted(status) {
        return format!("the pod was taken away ({reason}): {message}");
    }
    match ended {
        Some((one, state)) => line(one, state),
        None if deleted => "the pod was deleted".to_owned(),
        None => "the pod ended, and the cluster does not say why".to_owned(),
    }
}

/// How a container ended.
fn line(container: &ContainerStatus, state: &ContainerStateTerminated) -> String {
    let mut text = match state.signal.filter(|signal| *signal != 0) {
        Some(signal) => format!("{} was ended by signal {signal}", container.name),
        None => format!("{} exited with code {}", container.name, state.exit_code),
    };
    for more in [&state.reason, &state.message].into_iter().flatten() {
        // These two only say in other words what the code says.
        if !["", "Error", "Completed"].contains(&more.as_str()) {
            text.push_str(": ");
            text.push_str(more.trim());
        }
    }
    text
}

/// What to do, where `ended` is the container whose end explains the pod's.
fn hint(status: &PodStatus, cause: StopCause, ended: Option<&str>) -> Option<&'static str> {
    Some(match cause {
        StopCause::OutOfMemory => "raise Memory",
        StopCause::Interrupted => {
            "the cluster took the pod's machine back (Fargate does so to patch it): retry the job"
        }
        StopCause::Capacity => {
            "the pod asks for more than its machine has: correct CPU and Memory, of the pod \
             template's other containers too"
        }
        StopCause::Exited if own_storage(status) => "raise EphemeralStorage",
        StopCause::Exited if status.reason.as_deref() == Some("DeadlineExceeded") => {
            "the pod lived as long as its activeDeadlineSeconds allow: raise the job's timeout, or \
             DeadlineSeconds where that is shorter"
        }
        StopCause::Exited | StopCause::FailedToStart if ended == Some(AgentSetup::BRINGER) => {
            "let AgentImage name the image of this program's agent, for x86-64"
        }
        StopCause::Exited if has_agent(status) => {
            AgentSetup::exit_hint(ended_container(status).map(|(_, state)| state.exit_code))
        }
        StopCause::Exited => {
            "the container's main process ended: its entry point must keep sshd in the foreground \
             (sshd -D); see the container's log"
        }
        StopCause::Requested => "somebody has deleted the pod, or drained its node: retry the job",
        StopCause::FailedToStart => {
            "check the image's entry point and CPU architecture (Fargate pods are x86-64)"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
