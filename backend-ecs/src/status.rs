//! What DescribeTasks says, in the terms of the contracts.

use aws_sdk_ecs::types::{Task, TaskStopCode};
use fargate_core::Stopped;

use crate::stop_reason::stopped;

/// A task as ECS shows it, without its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// On its way up.
    Starting(String),
    Running,
    /// On its way down, and ECS does not say why yet; the next answer does.
    Ending(String),
    Stopped(Stopped),
}

/// Reads `lastStatus` and `desiredStatus`.
///
/// Source: "Amazon ECS task lifecycle" in the developer guide.
pub(crate) fn observe(task: &Task, container: &str) -> Seen {
    let last = task.last_status().unwrap_or("UNKNOWN");
    if last == "STOPPED" || (ending(task) && explained(task)) {
        return Seen::Stopped(stopped(task, container));
    }
    if ending(task) {
        return Seen::Ending(last.to_owned());
    }
    match last {
        "RUNNING" => Seen::Running,
        "PENDING" if task.pull_started_at().is_some() && task.pull_stopped_at().is_none() => {
            Seen::Starting("PENDING (pulling the image)".to_owned())
        }
        other => Seen::Starting(other.to_owned()),
    }
}

/// Whether the task is over or on its way there.
pub(crate) fn ending(task: &Task) -> bool {
    task.desired_status() == Some("STOPPED")
        || matches!(
            task.last_status(),
            Some("DEACTIVATING" | "STOPPING" | "DEPROVISIONING" | "STOPPED" | "DELETED")
        )
}

/// Whether ECS has said all that matters. That a container ended is known before its exit code
/// is, and only that tells a lack of memory from a plain exit.
fn explained(task: &Task) -> bool {
    if task.stop_code() == Some(&TaskStopCode::EssentialContainerExited) {
        return task.containers().iter().any(|container| container.exit_code().is_some());
    }
    task.stop_code().is_some() || task.stopped_reason().is_some_and(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::primitives::DateTime;
    use aws_sdk_ecs::types::Container;
    use fargate_core::StopCause;

    use super::*;

    fn task(last: &str, desired: &str) -> aws_sdk_ecs::types::builders::TaskBuilder {
        Task::builder().last_status(last).desired_status(desired)
    }

    #[test]
    fn the_way_up_is_told_in_the_words_of_ecs() {
        for last in ["PROVISIONING", "PENDING", "ACTIVATING"] {
            let seen = observe(&task(last, "RUNNING").build(), "c");
            assert_eq!(seen, Seen::Starting(last.to_owned()));
        }
        assert_eq!(observe(&task("RUNNING", "RUNNING").build(), "c"), Seen::Running);
        let pulling = task("PENDING", "RUNNING").pull_started_at(DateTime::from_secs(1)).build();
        assert_eq!(
            observe(&pulling, "c"),
            Seen::Starting("PENDING (pulling the image)".to_owned())
        );
    }

    #[test]
    fn the_way_down_is_stopped_as_soon_as_the_reason_is_known() {
        for last in ["RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "PENDING"] {
            let silent = task(last, "STOPPED");
            assert_eq!(observe(&silent.clone().build(), "c"), Seen::Ending(last.to_owned()));
            let told = silent.stop_code(TaskStopCode::UserInitiated).build();
            let Seen::Stopped(stopped) = observe(&told, "c") else { panic!("{last}") };
            assert_eq!(stopped.cause, StopCause::Requested);
        }
        let silent = observe(&task("STOPPED", "STOPPED").build(), "c");
        assert!(matches!(silent, Seen::Stopped(stop) if stop.cause == StopCause::Unknown));
    }

    #[test]
    fn an_exit_is_told_with_its_code() {
        let exited = task("STOPPING", "STOPPED").stop_code(TaskStopCode::EssentialContainerExited);
        let silent = exited.clone().containers(Container::builder().name("c").build());
        assert!(matches!(observe(&silent.build(), "c"), Seen::Ending(_)));
        let told = exited.containers(Container::builder().name("c").exit_code(137).build());
        assert!(matches!(observe(&told.build(), "c"), Seen::Stopped(_)));
    }
}
