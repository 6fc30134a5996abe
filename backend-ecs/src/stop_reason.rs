//! Why a task stopped, and what to do about it.

use aws_sdk_ecs::types::{Container, Task, TaskStopCode};
use fargate_core::{AgentSetup, StopCause, Stopped};

/// The end of `task`; `container` is the one that runs the jobs.
pub(crate) fn stopped(task: &Task, container: &str) -> Stopped {
    let reason = task.stopped_reason().unwrap_or_default();
    let container_reasons: Vec<&str> =
        decisive(task, container).filter_map(Container::reason).collect();
    let everything =
        std::iter::once(reason).chain(container_reasons.iter().copied()).collect::<Vec<_>>();
    let cause = cause(task.stop_code(), &everything.join("\n"));

    let mut stop = Stopped::new(cause, sentence(task, container, cause));
    if let Some(code) = task.stop_code() {
        stop = stop.fact("stop code", code.as_str());
    }
    if !reason.is_empty() {
        stop = stop.fact("stopped reason", reason);
    }
    for one in task.containers() {
        if let Some(line) = container_line(one, reason) {
            stop = stop.fact("container", line);
        }
    }
    let hint = match cause {
        StopCause::Exited => exit_hint(task, container).map(str::to_owned),
        _ => hint(cause, &everything.join("\n").to_ascii_lowercase()),
    };
    match hint {
        Some(hint) => stop.hint(hint),
        None => stop,
    }
}

/// The class of the cause: the texts first, because one stop code covers many.
///
/// Texts: "Amazon ECS stopped tasks error messages" in the developer guide.
fn cause(code: Option<&TaskStopCode>, everything: &str) -> StopCause {
    let says = |part: &str| everything.contains(part);
    let low = everything.to_ascii_lowercase();
    if says("OutOfMemory") {
        return StopCause::OutOfMemory;
    }
    if says("CannotPull") || (says("ResourceInitializationError") && low.contains("pull image")) {
        return StopCause::Image;
    }
    if low.contains("capacity is unavailable") || says("RESOURCE:") {
        return StopCause::Capacity;
    }
    match code {
        Some(
            TaskStopCode::SpotInterruption
            | TaskStopCode::TerminationNotice
            | TaskStopCode::InfrastructureHealth,
        ) => StopCause::Interrupted,
        Some(TaskStopCode::UserInitiated | TaskStopCode::ServiceSchedulerInitiated) => {
            StopCause::Requested
        }
        Some(TaskStopCode::TaskFailedToStart) => StopCause::FailedToStart,
        Some(TaskStopCode::EssentialContainerExited) => StopCause::Exited,
        _ if low.contains("spot") && low.contains("interrupt") => StopCause::Interrupted,
        _ if says("ResourceInitializationError") || says("CannotStartContainerError") => {
            StopCause::FailedToStart
        }
        _ if low.contains("essential container") => StopCause::Exited,
        _ => StopCause::Unknown,
    }
}

/// ECS's reason, and of the container whose end explains the task's what that leaves open.
fn sentence(task: &Task, container: &str, cause: StopCause) -> String {
    let reason = task.stopped_reason().filter(|reason| !reason.is_empty());
    let ended = ended_container(task, container);
    let told = |one: &&Container| {
        cause == StopCause::Exited
            || one.reason().is_some_and(|why| !reason.is_some_and(|reason| reason.contains(why)))
    };
    let detail = ended.filter(told).and_then(|one| container_line(one, ""));
    match (reason, detail) {
        (Some(reason), Some(detail)) => format!("{reason}: {detail}"),
        (Some(reason), None) => reason.to_owned(),
        (None, Some(detail)) if cause == StopCause::Exited => {
            format!("Essential container in task exited: {detail}")
        }
        (None, Some(detail)) => detail,
        (None, None) => task.stop_code().map_or_else(
            || "ECS stopped the task and did not say why".to_owned(),
            |code| code.as_str().to_owned(),
        ),
    }
}

/// The container whose end explains the task's: one with a reason, then the job's own, then one
/// that failed.
fn ended_container<'a>(task: &'a Task, container: &str) -> Option<&'a Container> {
    let all = || decisive(task, container);
    let failed = |one: &&Container| one.exit_code().is_some_and(|code| code != 0);
    let own = |one: &&Container| one.name() == Some(container);
    all()
        .find(|one| own(one) && one.reason().is_some())
        .or_else(|| all().find(|one| one.reason().is_some()))
        .or_else(|| all().find(|one| own(one) && failed(one)))
        .or_else(|| all().find(failed))
        .or_else(|| all().find(own))
}

/// The containers that can end the task. One that ended earlier beside the job, as a service may,
/// has not; but whatever keeps a task from starting has.
fn decisive<'a, 'b>(
    task: &'a Task,
    container: &'b str,
) -> impl Iterator<Item = &'a Container> + use<'a, 'b> {
    let every = !is_under_agent(task) || task.stop_code() == Some(&TaskStopCode::TaskFailedToStart);
    let own = [container, AgentSetup::HELPER, AgentSetup::BRINGER];
    task.containers()
        .iter()
        .filter(move |one| every || one.name().is_some_and(|name| own.contains(&name)))
}

fn is_under_agent(task: &Task) -> bool {
    task.containers().iter().any(|one| one.name() == Some(AgentSetup::BRINGER))
}

/// How a container ended. A reason that is part of `said` is not told again.
fn container_line(container: &Container, said: &str) -> Option<String> {
    let name = container.name().unwrap_or("unnamed");
    let reason = container.reason().filter(|reason| !said.contains(reason));
    match (container.exit_code(), reason) {
        (None, None) => container.reason().map(|_| name.to_owned()),
        (Some(code), None) => Some(format!("{name} exited with code {code}")),
        (None, Some(reason)) => Some(format!("{name}: {reason}")),
        (Some(code), Some(reason)) => Some(format!("{name} exited with code {code}: {reason}")),
    }
}

/// What to do about a container that ended by itself.
fn exit_hint(task: &Task, container: &str) -> Option<&'static str> {
    if !is_under_agent(task) {
        return Some(
            "the container's main process ended: its entry point must keep sshd in the foreground \
             (sshd -D); see the container's log",
        );
    }
    let code = ended_container(task, container).and_then(Container::exit_code);
    Some(AgentSetup::exit_hint(code))
}

fn hint(cause: StopCause, low: &str) -> Option<String> {
    let says = |part: &str| low.contains(part);
    let text = match cause {
        StopCause::Image if says("not found") || says("manifest unknown") || says("no such") => {
            "check the image name and tag in the task definition"
        }
        StopCause::Image if says("denied") || says("not authorized") || says("no basic auth") => {
            "let the task's execution role pull from the registry \
             (AmazonECSTaskExecutionRolePolicy for ECR, repositoryCredentials for others)"
        }
        StopCause::Image if says("timeout") || says("i/o") || says("deadline") || says("dial") => {
            "give the task a route to the registry: EnablePublicIP = true in a public subnet, a \
             NAT gateway, or VPC endpoints for ecr.api, ecr.dkr and s3"
        }
        StopCause::Image if says("toomanyrequests") || says("rate limit") => {
            "the registry limits pulls: log in with repositoryCredentials, or copy the image to ECR"
        }
        StopCause::Image if says("no space left") => {
            "raise the task's ephemeral storage: the image does not fit"
        }
        StopCause::Image if says("platform") || says("architecture") => {
            "build the image for the task definition's CPU architecture"
        }
        StopCause::Image => {
            "check the image name, the execution role's right to pull, and the route to the \
             registry (public address, NAT gateway or VPC endpoints)"
        }
        StopCause::OutOfMemory => "raise the memory of the task definition or set Memory",
        StopCause::Interrupted => {
            "AWS took the machine back: retry the job, or use on-demand capacity (FARGATE) for \
             jobs that cannot be repeated"
        }
        StopCause::Capacity => {
            "list subnets of several availability zones in Subnet, or add FARGATE beside \
             FARGATE_SPOT in CapacityProviders"
        }
        StopCause::FailedToStart if says("secret") || says("ssm") || says("kms") => {
            "let the execution role read the secrets of the task definition, and give the task a \
             route to Secrets Manager or SSM"
        }
        StopCause::FailedToStart if says("log") => {
            "create the log group, or let the execution role write to it, and give the task a \
             route to CloudWatch Logs"
        }
        StopCause::FailedToStart if says("network interface") || says("eni") => {
            "check free addresses in the subnet and the account's network interface quota"
        }
        StopCause::FailedToStart if says("efs") || says("volume") || says("mount") => {
            "check the volume, its mount targets and their security groups (port 2049)"
        }
        StopCause::FailedToStart if says("executable") || says("exec format") => {
            "check the image's entry point and its CPU architecture"
        }
        StopCause::FailedToStart => {
            "see \"Stopped tasks error messages\" in the ECS developer guide"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(code: &str, reason: &str, container: (&str, Option<i32>)) -> Task {
        let (why, exit) = container;
        Task::builder()
            .last_status("STOPPED")
            .stop_code(TaskStopCode::from(code))
            .stopped_reason(reason)
            .containers(
                Container::builder()
                    .name("ci-coordinator")
                    .set_reason((!why.is_empty()).then(|| why.to_owned()))
                    .set_exit_code(exit)
                    .build(),
            )
            .build()
    }

    #[test]
    fn every_end_has_a_cause_and_a_remedy() {
        use StopCause as C;
        type Row<'a> = (&'a str, &'a str, (&'a str, Option<i32>), C, &'a str);
        let table: [Row<'_>; 18] = [
            (
                "TaskFailedToStart",
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): \
                 failed to resolve ref x:y: not found",
                ("", None),
                C::Image,
                "image name",
            ),
            (
                "TaskFailedToStart",
                "Task failed to start",
                ("CannotPullECRContainerError: AccessDeniedException: not authorized", None),
                C::Image,
                "execution role",
            ),
            (
                "TaskFailedToStart",
                "ResourceInitializationError: unable to pull image from registry: i/o timeout",
                ("", None),
                C::Image,
                "NAT",
            ),
            (
                "TaskFailedToStart",
                "CannotPullContainerError: toomanyrequests",
                ("", None),
                C::Image,
                "limits",
            ),
            (
                "EssentialContainerExited",
                "Essential container in task exited",
                ("OutOfMemoryError: Container killed due to memory usage", Some(137)),
                C::OutOfMemory,
                "memory",
            ),
            ("TaskFailedToStart", "OutOfMemory", ("", None), C::OutOfMemory, "memory"),
            (
                "SpotInterruption",
                "Your Spot Task was interrupted.",
                ("", Some(137)),
                C::Interrupted,
                "on-demand",
            ),
            ("TerminationNotice", "host retired", ("", None), C::Interrupted, "on-demand"),
            ("InfrastructureHealth", "lost", ("", None), C::Interrupted, "on-demand"),
            (
                "TaskFailedToStart",
                "Capacity is unavailable at this time. Please try again later",
                ("", None),
                C::Capacity,
                "availability zones",
            ),
            (
                "EssentialContainerExited",
                "Essential container in task exited",
                ("", Some(1)),
                C::Exited,
                "sshd",
            ),
            ("UserInitiated", "Task stopped by the user", ("", Some(143)), C::Requested, ""),
            (
                "TaskFailedToStart",
                "ResourceInitializationError: unable to pull secrets or registry auth: Secrets \
                 Manager said no",
                ("", None),
                C::FailedToStart,
                "secrets",
            ),
            (
                "TaskFailedToStart",
                "ResourceInitializationError: failed to validate logger args: log group missing",
                ("", None),
                C::FailedToStart,
                "log group",
            ),
            (
                "TaskFailedToStart",
                "Unexpected EC2 error while attempting to Create Network Interface",
                ("", None),
                C::FailedToStart,
                "subnet",
            ),
            (
                "TaskFailedToStart",
                "ResourceInitializationError: failed to invoke EFS utils commands",
                ("", None),
                C::FailedToStart,
                "2049",
            ),
            ("TaskFailedToStart", "something new", ("", None), C::FailedToStart, "guide"),
            ("BrandNewCode", "", ("", None), C::Unknown, ""),
        ];
        for (code, reason, container, cause, word) in table {
            let stop = stopped(&task(code, reason, container), "ci-coordinator");
            assert_eq!(stop.cause, cause, "{code} {reason}");
            assert!(stop.hint.as_deref().unwrap_or("").contains(word), "{reason}: {:?}", stop.hint);
            assert!(stop.facts.contains(&("stop code", code.to_owned())), "{:?}", stop.facts);
            assert!(!stop.reason.is_empty());
        }
    }

    #[test]
    fn an_exit_names_the_container_and_its_code() {
        let stop = stopped(
            &task("EssentialContainerExited", "Essential container in task exited", ("", Some(3))),
            "ci-coordinator",
        );
        assert_eq!(
            stop.reason,
            "Essential container in task exited: ci-coordinator exited with code 3"
        );
        assert!(
            stop.facts.contains(&("container", "ci-coordinator exited with code 3".to_owned()))
        );
    }

    #[test]
    fn an_exit_where_the_agent_was_brought_along_is_told_in_its_terms() {
        let bringer = || Container::builder().name(AgentSetup::BRINGER).exit_code(0).build();
        let exited = |code| {
            task("EssentialContainerExited", "Essential container in task exited", ("", Some(code)))
        };
        for (code, word) in [(5, "without a shell"), (1, "exec \"$@\"")] {
            let mut task = exited(code);
            task.containers.get_or_insert_default().push(bringer());
            let hint = stopped(&task, "ci-coordinator").hint.unwrap();
            assert!(hint.contains(word), "{hint}");
        }
        let hint = stopped(&exited(5), "ci-coordinator").hint.unwrap();
        assert!(hint.contains("sshd"), "{hint}");
    }

    #[test]
    fn the_containers_reason_completes_a_general_one() {
        let stop = stopped(
            &task(
                "TaskFailedToStart",
                "Task failed to start",
                ("CannotPullContainerError: x", None),
            ),
            "ci-coordinator",
        );
        assert_eq!(
            stop.reason,
            "Task failed to start: ci-coordinator: CannotPullContainerError: x"
        );
    }

    #[test]
    fn a_reason_that_is_both_the_tasks_and_a_containers_is_told_once() {
        let why = "CannotPullContainerError: x";
        let stop = stopped(&task("TaskFailedToStart", why, (why, None)), "ci-coordinator");
        assert_eq!(stop.reason, why);
        assert!(stop.facts.contains(&("container", "ci-coordinator".to_owned())));
    }

    #[test]
    fn a_service_that_ended_before_does_not_explain_the_tasks_end() {
        let container = |name: &str, code: i32, why: Option<&str>| {
            let one = Container::builder().name(name).exit_code(code);
            one.set_reason(why.map(str::to_owned)).build()
        };
        let with = |code: &str, own: i32| {
            let task = Task::builder().last_status("STOPPED").stop_code(TaskStopCode::from(code));
            task.containers(container("redis", 137, Some("OutOfMemoryError: Container killed")))
                .containers(container(AgentSetup::BRINGER, 0, None))
                .containers(container("ci-coordinator", own, None))
                .build()
        };
        let stop = stopped(&with("SpotInterruption", 143), "ci-coordinator");
        assert_eq!(stop.cause, StopCause::Interrupted);
        assert!(stop.facts.iter().any(|(_, fact)| fact.contains("redis")), "{stop:?}");
        let stop = stopped(&with("EssentialContainerExited", 5), "ci-coordinator");
        assert_eq!(stop.cause, StopCause::Exited);
        assert!(stop.reason.contains("ci-coordinator exited with code 5"), "{}", stop.reason);
        assert!(stop.hint.is_some_and(|hint| hint.contains("without a shell")));
    }
}
