//! AWS on a bad day: what can be waited out is, silently; what cannot is told in full.

use std::time::Duration;

use fargate_test_support::ecs::{EcsDouble, EcsOptions, Fault, RateLimits, StateDelays, TaskEnd};
use rustix::process::Signal;

use crate::checks::{
    calls, nothing_left, only_task, quick, quick_double, report, tells, use_all_subnets,
};
use crate::harness::{Ended, Host, ended, eventually, signal};

/// Everything the driver said during a whole job, which must go well.
async fn whole_job(double: &EcsDouble, host: &Host) -> String {
    let job = host.job();
    let mut said = String::new();
    let mut note = |ended: Ended| said.push_str(&ended.ok().stderr);
    note(job.prepare().await);
    note(job.script("true", "build_script").await);
    note(job.cleanup().await);
    nothing_left(double, host).await;
    said
}

/// A whole job in which `fault` is borne without a word about it.
async fn is_borne(fault: Fault, op: &str) {
    let double = quick_double().await;
    double.inject(fault.clone());
    let said = whole_job(&double, &Host::ecs(&double, "")).await;
    for word in ["Throttl", "Rate exceeded", "limit exceeded", "500", "ERROR", "WARN", "Still"] {
        assert!(!said.contains(word), "{fault:?}: {word:?} in\n{said}");
    }
    assert!(calls(&double, op) > 1, "{fault:?} happened");
    only_task(&double);
}

#[tokio::test]
async fn throttled_run_task_is_waited_out() {
    is_borne(Fault::Throttle { op: "RunTask", times: 2 }, "RunTask").await;
}

#[tokio::test]
async fn throttled_describe_tasks_is_waited_out() {
    is_borne(Fault::Throttle { op: "DescribeTasks", times: 2 }, "DescribeTasks").await;
}

#[tokio::test]
async fn throttled_stop_task_is_waited_out() {
    is_borne(Fault::Throttle { op: "StopTask", times: 2 }, "StopTask").await;
}

#[tokio::test]
async fn server_errors_of_run_task_are_waited_out() {
    is_borne(Fault::ServerError { op: "RunTask", times: 2 }, "RunTask").await;
}

#[tokio::test]
async fn server_errors_of_describe_tasks_are_waited_out() {
    is_borne(Fault::ServerError { op: "DescribeTasks", times: 2 }, "DescribeTasks").await;
}

#[tokio::test]
async fn server_errors_of_stop_task_are_waited_out() {
    is_borne(Fault::ServerError { op: "StopTask", times: 2 }, "StopTask").await;
}

#[tokio::test]
async fn a_lost_answer_of_stop_task_is_asked_for_again() {
    is_borne(Fault::LostResponse { op: "StopTask", times: 1 }, "StopTask").await;
}

#[tokio::test]
async fn a_task_that_is_missing_for_a_moment() {
    is_borne(Fault::Missing { times: 1 }, "DescribeTasks").await;
}

#[tokio::test]
async fn throttled_list_tasks_is_waited_out() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    lose_track(&double, &job).await;
    double.inject(Fault::Throttle { op: "ListTasks", times: 2 });
    let cleaned = job.cleanup().await.ok();
    assert_eq!(cleaned.stderr, "");
    assert!(calls(&double, "ListTasks") > 2);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn throttled_network_interfaces_and_a_late_public_address_are_waited_out() {
    let double = quick_double().await;
    double.inject(Fault::Throttle { op: "DescribeNetworkInterfaces", times: 1 });
    double.inject(Fault::NoAssociation { times: 1 });
    let host = Host::ecs(&double, "");
    crate::checks::rewrite(&host, "EnablePublicIP = false", "EnablePublicIP = true");
    let said = whole_job(&double, &host).await;
    let public = only_task(&double).public_address.expect("a public address");
    assert!(said.contains(&format!("Address {public}:{}", double.options().ssh_port)), "{said}");
    assert!(!said.contains("imit exceeded") && !said.contains("ERROR"), "{said}");
}

#[tokio::test]
async fn a_rate_limit_is_kept_without_a_word() {
    let rate_limits = Some(RateLimits::only("RunTask", 1.0, 1.0));
    let double = EcsDouble::start(EcsOptions { rate_limits, ..quick() }).await;
    let host = Host::ecs(&double, "");
    let jobs: Vec<_> = (0..3).map(|_| host.job()).collect();
    let (one, two, three) = tokio::join!(jobs[0].prepare(), jobs[1].prepare(), jobs[2].prepare());
    for ended in [one, two, three] {
        assert!(!ended.ok().stderr.contains("Rate exceeded"));
    }
    assert!(calls(&double, "RunTask") > 3, "some were throttled");
    assert_eq!(double.tasks().len(), 3);
    for job in &jobs {
        job.cleanup().await.ok();
    }
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn throttling_that_outlasts_the_start_timeout_is_told() {
    let double = quick_double().await;
    double.inject(Fault::Throttle { op: "DescribeTasks", times: 1000 });
    let host = Host::ecs(&double, "StartTimeout = \"5s\"");
    let ended = host.job().prepare().await;
    tells(&ended, &["start timeout", "Rate exceeded", "ecs:DescribeTasks", "fewer jobs"]);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_launch_that_is_throttled_beyond_the_start_timeout_is_told() {
    let double = quick_double().await;
    double.inject(Fault::Throttle { op: "RunTask", times: 1000 });
    let host = Host::ecs(&double, "StartTimeout = \"1s\"");
    let ended = host.job().prepare().await;
    tells(&ended, &["ecs:RunTask", "Rate exceeded", "ThrottlingException", "fewer jobs"]);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn no_room_at_first_is_waited_out() {
    let double = quick_double().await;
    double.inject(Fault::capacity(1));
    let host = Host::ecs(&double, "");
    let said = whole_job(&double, &host).await;
    assert!(said.contains("no room") && said.contains("Capacity is unavailable"), "{said}");
    only_task(&double);
}

#[tokio::test]
async fn another_subnet_has_room() {
    let double = quick_double().await;
    let full = &double.options().subnets[..2];
    for subnet in full {
        double.inject(Fault::no_room_in(subnet));
    }
    // AWS chooses one subnet of those it is offered and does not try another.
    double.inject(Fault::capacity(1));
    let host = Host::ecs(&double, "");
    use_all_subnets(&host, &double);
    whole_job(&double, &host).await;
    assert_eq!(only_task(&double).subnet, double.options().subnets[2]);
}

#[tokio::test]
async fn on_demand_has_room_when_spot_has_none() {
    let double = quick_double().await;
    double.inject(Fault::no_room_on("FARGATE_SPOT"));
    let more = "CapacityProviders = [{ Name = \"FARGATE_SPOT\", Weight = 10 }, \
                { Name = \"FARGATE\" }]";
    let host = Host::ecs(&double, more);
    whole_job(&double, &host).await;
    assert_eq!(only_task(&double).capacity_provider.as_deref(), Some("FARGATE"));
}

#[tokio::test]
async fn a_task_that_stops_for_want_of_capacity_is_replaced() {
    let double = quick_double().await;
    let why = "Capacity is unavailable at this time. Please try again later";
    double.inject(Fault::StopWhilePending(TaskEnd::new("TaskFailedToStart", why)));
    let host = Host::ecs(&double, "");
    let said = whole_job(&double, &host).await;
    assert!(said.contains("Starting another task, because"), "{said}");
    assert!(said.contains(why), "{said}");
    let tasks = double.tasks();
    assert_eq!(tasks.len(), 2);
    assert_ne!(tasks[0].key, tasks[1].key, "a stopped task's key gives the stopped task");
}

#[tokio::test]
async fn a_task_that_spot_takes_back_while_pending_is_replaced() {
    let double = quick_double().await;
    double.inject(Fault::StopWhilePending(TaskEnd::spot_interruption()));
    let host = Host::ecs(&double, "");
    let said = whole_job(&double, &host).await;
    assert!(said.contains("Your Spot Task was interrupted"), "{said}");
    assert_eq!(double.tasks().len(), 2);
}

#[tokio::test]
async fn a_failed_start_is_told_with_all_aws_said() {
    let double = quick_double().await;
    double.inject(Fault::StopWhilePending(TaskEnd {
        container_reason: Some("CannotStartContainerError: exec format error".to_owned()),
        exit_code: Some(139),
        ..TaskEnd::new("TaskFailedToStart", "Task failed to start")
    }));
    let host = Host::ecs(&double, "");
    let words = [
        "stop code: TaskFailedToStart",
        "Task failed to start",
        "ci-coordinator exited with code 139",
        "exec format error",
        "CPU architecture",
    ];
    let ended = host.job().prepare().await;
    tells(&ended, &words);
    let first = report(&ended).lines().next().unwrap_or_default().to_owned();
    assert!(first.contains("exec format error"), "the first line says why: {first}");
    only_task(&double);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_container_that_exits_is_told_with_its_code() {
    let double = quick_double().await;
    let end = TaskEnd {
        exit_code: Some(3),
        ..TaskEnd::new("EssentialContainerExited", "Essential container in task exited")
    };
    double.inject(Fault::StopWhilePending(end));
    let host = Host::ecs(&double, "");
    let ended = host.job().prepare().await;
    tells(&ended, &["ci-coordinator exited with code 3", "sshd -D"]);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn slow_states_are_waited_for() {
    let state_delays = StateDelays {
        provisioning: Duration::from_millis(1500),
        pending: Duration::from_millis(1500),
        activating: Duration::from_millis(1500),
        deprovisioning: Duration::from_millis(1500),
    };
    let double = EcsDouble::start(EcsOptions { state_delays, ..quick() }).await;
    let said = whole_job(&double, &Host::ecs(&double, "")).await;
    assert!(said.contains("Ready for commands"), "{said}");
    only_task(&double);
}

#[tokio::test]
async fn without_the_right_to_tag_the_job_runs_untagged() {
    let double = quick_double().await;
    double.inject(Fault::DenyTags);
    let said = whole_job(&double, &Host::ecs(&double, "")).await;
    assert!(said.contains("without tags") && said.contains("ecs:TagResource"), "{said}");
    assert!(only_task(&double).tags.is_empty());
}

#[tokio::test]
async fn an_untagged_task_is_found_after_a_crash() {
    let double = EcsDouble::start(quick()).await;
    double.inject(Fault::DenyTags);
    let host = Host::ecs(&double, "");
    let job = host.job();
    lose_track(&double, &job).await;
    job.prepare().await.ok();
    assert_eq!(double.running(), 1, "{:#?}", double.tasks());
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

/// Kills a prepare between RunTask and its answer: only the ledger knows the task.
async fn lose_track(double: &EcsDouble, job: &crate::harness::Job<'_>) {
    double.inject(Fault::LostResponse { op: "RunTask", times: 1 });
    let preparing = job.spawn(&["prepare"]);
    eventually("a task", || !double.tasks().is_empty()).await;
    signal(&preparing, Signal::KILL);
    ended(preparing).await;
}

#[tokio::test]
async fn without_the_right_to_list_a_second_prepare_finds_the_task_by_its_key() {
    let double = quick_double().await;
    double.inject(Fault::Deny { op: "ListTasks" });
    let host = Host::ecs(&double, "");
    let job = host.job();
    lose_track(&double, &job).await;
    let prepared = job.prepare().await.ok();
    assert!(prepared.stderr.contains("ecs:ListTasks"), "{}", prepared.stderr);
    only_task(&double);
    job.script("true", "build_script").await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn without_the_right_to_list_cleanup_finds_the_task_by_its_key() {
    let double = quick_double().await;
    double.inject(Fault::Deny { op: "ListTasks" });
    let host = Host::ecs(&double, "");
    let job = host.job();
    lose_track(&double, &job).await;
    let cleaned = job.cleanup().await.ok();
    assert!(cleaned.stderr.contains("ecs:ListTasks"), "{}", cleaned.stderr);
    only_task(&double);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_cleanup_that_cannot_find_the_task_says_so_and_can_be_repeated() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    lose_track(&double, &job).await;
    double.inject(Fault::Deny { op: "ListTasks" });
    double.inject(Fault::Deny { op: "RunTask" });
    let cleaned = job.cleanup().await;
    tells(&cleaned, &["AccessDeniedException", "interrupted launch", "listing tasks", "by hand"]);
    assert_eq!((double.running(), host.metadata_files()), (1, 1), "the trace stays");
    double.clear_faults();
    job.cleanup().await.ok();
    only_task(&double);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_cleanup_that_may_not_stop_the_task_fails_and_can_be_repeated() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    double.inject(Fault::Deny { op: "StopTask" });
    tells(&job.cleanup().await, &["ecs:StopTask", "AccessDeniedException", "task: arn:aws:ecs"]);
    assert_eq!((double.running(), host.metadata_files()), (1, 1), "the file goes last");
    double.clear_faults();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_prepare_that_may_not_stop_its_task_leaves_it_to_cleanup() {
    let double = quick_double().await;
    double.inject(Fault::NoSshd);
    double.inject(Fault::Deny { op: "StopTask" });
    let host = Host::ecs(&double, "StartTimeout = \"2s\"");
    let job = host.job();
    let prepared = job.prepare().await;
    tells(&prepared, &["connection refused"]);
    assert!(prepared.stderr.contains("ecs:StopTask"), "{}", prepared.stderr);
    assert_eq!((double.running(), host.metadata_files()), (1, 1));
    double.clear_faults();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}
