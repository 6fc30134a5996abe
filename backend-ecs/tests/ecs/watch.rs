//! Watching, stopping and listing.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::bench::{aged, api_double, config, launcher, spec, status_until};
use fargate_backend_ecs::CapacityProvider;
use fargate_core::{Endpoint, ErrorKind, Retry, StopCause, TaskLauncher, TaskStatus};
use fargate_test_support::ecs::{
    EcsDouble, EcsOptions, Fault, RateLimits, StateDelays, TaskEnd, TaskProgram,
};

const GRACE: Duration = Duration::from_secs(1);

fn host(status: &TaskStatus) -> Option<&str> {
    match status.endpoint()? {
        Endpoint::Ssh { host, .. } => Some(host),
        _ => None,
    }
}

fn running(status: &TaskStatus) -> bool {
    matches!(status, TaskStatus::Running { endpoint: Some(_) })
}

#[tokio::test]
async fn a_task_is_a_real_server_until_it_is_stopped() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let status = status_until(&launcher, &task, running).await;
    let address = format!("{}:{}", host(&status).unwrap(), double.options().ssh_port);
    // RUNNING means that the server's program has been started, as on AWS.
    for _ in 0..3000 {
        if TcpStream::connect(&address).is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    TcpStream::connect(&address).unwrap();
    let pid = double.task(task.id()).pid.unwrap();
    launcher.stop(&task, GRACE).await.unwrap();
    assert!(matches!(launcher.status(&task).await.unwrap(), TaskStatus::Stopped(_)));
    // The double keeps its view until the last process is reaped.
    for _ in 0..1000 {
        if !Path::new(&format!("/proc/{pid}")).exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(TcpStream::connect(&address).is_err());
}

#[tokio::test]
async fn the_address_is_known_before_the_task_runs() {
    let options = EcsOptions {
        program: TaskProgram::None,
        state_delays: StateDelays { pending: Duration::from_secs(60), ..StateDelays::default() },
        ..EcsOptions::default()
    };
    let double = EcsDouble::start(options).await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let status = status_until(&launcher, &task, |status| status.endpoint().is_some()).await;
    assert!(matches!(&status, TaskStatus::Pending { detail, .. } if detail.starts_with("PENDING")));
    let address = double.task(task.id()).address.to_string();
    assert_eq!(host(&status), Some(address.as_str()));
}

#[tokio::test]
async fn a_new_task_may_be_invisible_an_old_one_is_gone() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    double.inject(Fault::Missing { times: 2 });
    let status = launcher.status(&task).await.unwrap();
    assert!(matches!(status, TaskStatus::Pending { endpoint: None, .. }), "{status:?}");
    let error = launcher.status(&aged(&task, Duration::from_secs(61))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    status_until(&launcher, &task, running).await;
}

#[tokio::test]
async fn a_stop_says_why_and_what_to_do() {
    let table = [
        (TaskEnd::cannot_pull(), StopCause::Image, "NAT"),
        (TaskEnd::out_of_memory(), StopCause::OutOfMemory, "memory"),
        (TaskEnd::spot_interruption(), StopCause::Interrupted, "on-demand"),
    ];
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    for (end, cause, word) in table {
        double.inject(Fault::StopWhilePending(end.clone()));
        let task = launcher.launch(&spec()).await.unwrap();
        let over = |status: &TaskStatus| matches!(status, TaskStatus::Stopped(_));
        let TaskStatus::Stopped(stopped) = status_until(&launcher, &task, over).await else {
            panic!("stopped")
        };
        assert_eq!(stopped.cause, cause, "{stopped:?}");
        assert!(stopped.reason.contains(&end.reason), "{stopped:?}");
        assert!(stopped.facts.contains(&("stop code", end.stop_code)), "{stopped:?}");
        assert!(stopped.hint.as_deref().is_some_and(|hint| hint.contains(word)), "{stopped:?}");
    }
}

#[tokio::test]
async fn a_running_task_that_spot_takes_is_interrupted() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    status_until(&launcher, &task, running).await;
    double.end_task(task.id(), TaskEnd::spot_interruption()).await;
    let TaskStatus::Stopped(stopped) = launcher.status(&task).await.unwrap() else {
        panic!("stopped")
    };
    assert_eq!(stopped.cause, StopCause::Interrupted);
}

#[tokio::test]
async fn a_status_question_that_is_throttled_may_be_asked_again() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    // How often the SDK tries depends on what other tests of this process have met.
    double.inject(Fault::Throttle { op: "DescribeTasks", times: 1000 });
    let error = launcher.status(&task).await.unwrap_err();
    assert_eq!(error.kind().retry(), Retry::Soon);
    assert_eq!(error.context_value("task"), Some(task.id()));
    double.clear_faults();
    status_until(&launcher, &task, running).await;
}

#[tokio::test]
async fn the_public_address_is_asked_for_until_it_is_there_and_then_kept() {
    let double = api_double().await;
    let mut config = config();
    config.assign_public_ip = true;
    let launcher = launcher(&double, config).await;
    double.inject(Fault::NoAssociation { times: 2 });
    let task = launcher.launch(&spec()).await.unwrap();
    let status = status_until(&launcher, &task, running).await;
    let public = double.task(task.id()).public_address.unwrap().to_string();
    assert_eq!(host(&status), Some(public.as_str()));
    for _ in 0..3 {
        launcher.status(&task).await.unwrap();
    }
    assert_eq!(double.calls()["DescribeNetworkInterfaces"], 3);
}

#[tokio::test]
async fn a_private_address_needs_no_ec2_call() {
    let double = api_double().await;
    let mut config = config();
    config.assign_public_ip = true;
    config.use_public_ip = Some(false);
    let launcher = launcher(&double, config).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let status = status_until(&launcher, &task, running).await;
    let address = double.task(task.id()).address.to_string();
    assert_eq!(host(&status), Some(address.as_str()));
    assert_eq!(double.calls().get("DescribeNetworkInterfaces"), None);
}

#[tokio::test]
async fn ec2_refusals_have_kinds_too() {
    let double = api_double().await;
    let mut config = config();
    config.assign_public_ip = true;
    let launcher = launcher(&double, config).await;
    let task = launcher.launch(&spec()).await.unwrap();
    double.wait_for(task.id(), "RUNNING").await;

    double.inject(Fault::Throttle { op: "DescribeNetworkInterfaces", times: 1 });
    assert_eq!(launcher.status(&task).await.unwrap_err().kind(), ErrorKind::Throttled);
    double.inject(Fault::ServerError { op: "DescribeNetworkInterfaces", times: 1 });
    assert_eq!(launcher.status(&task).await.unwrap_err().kind(), ErrorKind::Unavailable);
    double.inject(Fault::LostResponse { op: "DescribeNetworkInterfaces", times: 1 });
    assert_eq!(launcher.status(&task).await.unwrap_err().kind(), ErrorKind::Unavailable);

    double.inject(Fault::Deny { op: "DescribeNetworkInterfaces" });
    let error = launcher.status(&task).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert_eq!(error.context_value("aws code"), Some("UnauthorizedOperation"));
    let hint = error.advice().unwrap();
    assert!(hint.contains("ec2:DescribeNetworkInterfaces") && hint.contains("UsePublicIP"));
}

#[tokio::test]
async fn a_stop_and_a_list_in_trouble_may_be_called_again_until_it_is_over() {
    for fault in [
        |op| Fault::Throttle { op, times: 1000 },
        |op| Fault::ServerError { op, times: 1000 },
        |op| Fault::LostResponse { op, times: 1000 },
    ] {
        let double = api_double().await;
        let launcher = launcher(&double, config()).await;
        let spec = spec();
        let task = launcher.launch(&spec).await.unwrap();
        double.inject(fault("StopTask"));
        let error = launcher.stop(&task, GRACE).await.unwrap_err();
        assert_eq!(error.kind().retry(), Retry::Soon, "{error:?}");
        assert_eq!(error.context_value("task"), Some(task.id()));
        assert!(double.calls()["StopTask"] <= 3, "the caller is the patient one");
        double.inject(fault("ListTasks"));
        let error = launcher.list(spec.owner.as_str()).await.unwrap_err();
        assert_eq!(error.kind().retry(), Retry::Soon, "{error:?}");
        assert!(double.calls()["ListTasks"] <= 3);
        double.clear_faults();
        launcher.stop(&task, GRACE).await.unwrap();
        double.wait_for(task.id(), "STOPPED").await;
        assert!(launcher.list(spec.owner.as_str()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_silent_api_is_given_up_within_the_attempts_of_the_sdk() {
    let double = api_double().await;
    let mut config = config();
    config.pace.api_timeout = Duration::from_millis(200);
    let launcher = launcher(&double, config).await;
    let task = launcher.launch(&spec()).await.unwrap();
    double.inject(Fault::Delay { op: "StopTask", by: Duration::from_secs(60), times: 1000 });
    let error = launcher.stop(&task, GRACE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(double.calls()["StopTask"] <= 3);
}

#[tokio::test]
async fn a_list_asks_by_owner_alone() {
    let double = api_double().await;
    launcher(&double, config()).await.list("owner").await.unwrap();
    let requests = double.requests("ListTasks");
    assert_eq!(requests[0]["startedBy"], "owner");
    assert!(requests[0].get("desiredStatus").is_none(), "{requests:?}");
}

#[tokio::test]
async fn a_forgotten_task_is_stopped() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let mut json = serde_json::to_value(aged(&task, Duration::from_secs(3600))).unwrap();
    let id = task.id();
    json["id"] = format!("{}{}", &id[..id.len() - 32], "0".repeat(32)).into();
    let forgotten = serde_json::from_value(json).unwrap();
    launcher.stop(&forgotten, GRACE).await.unwrap();
    assert_eq!(double.running(), 1, "the other task is not touched");
}

#[tokio::test]
async fn a_task_that_is_not_visible_yet_is_stopped_once_it_is() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    double.inject(Fault::Error {
        op: "StopTask",
        code: "InvalidParameterException".to_owned(),
        message: "The referenced task was not found.".to_owned(),
        http_status: 400,
        times: 3,
    });
    launcher.stop(&task, GRACE).await.unwrap();
    double.wait_for(task.id(), "STOPPED").await;
}

#[tokio::test]
async fn a_stop_that_is_not_allowed_says_so() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let task = launcher.launch(&spec()).await.unwrap();
    double.inject(Fault::Deny { op: "StopTask" });
    let error = launcher.stop(&task, GRACE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.advice().is_some_and(|hint| hint.contains("ecs:StopTask")), "{error:?}");
}

#[tokio::test]
async fn a_long_list_is_read_to_its_end() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let owner = spec().owner;
    let mut started = std::collections::BTreeSet::new();
    for _ in 0..103 {
        let mut spec = spec();
        spec.owner = owner.clone();
        started.insert(launcher.launch(&spec).await.unwrap().id().to_owned());
    }
    let listed: std::collections::BTreeSet<_> = launcher
        .list(owner.as_str())
        .await
        .unwrap()
        .iter()
        .map(|task| task.id().to_owned())
        .collect();
    assert_eq!(listed, started);
    assert_eq!(double.calls()["ListTasks"], 2);
    assert_eq!(double.calls()["DescribeTasks"], 2);
}

#[tokio::test]
async fn a_list_that_is_not_allowed_names_the_action() {
    let double = api_double().await;
    double.inject(Fault::Deny { op: "ListTasks" });
    let error = launcher(&double, config()).await.list("owner").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.advice().is_some_and(|hint| hint.contains("ecs:ListTasks")), "{error:?}");
}

#[tokio::test]
async fn fifty_jobs_at_once_outlast_the_rate_limit() {
    let options = EcsOptions {
        program: TaskProgram::None,
        rate_limits: Some(RateLimits::only("RunTask", 10.0, 40.0)),
        ..EcsOptions::default()
    };
    let double = EcsDouble::start(options).await;
    let launcher = launcher(&double, config()).await;
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let launcher = launcher.clone();
        jobs.spawn(async move {
            let task = launcher.launch(&spec()).await.unwrap();
            launcher.stop(&task, GRACE).await.unwrap();
        });
    }
    jobs.join_all().await;
    assert_eq!(double.tasks().len(), 50);
    assert!(double.calls()["RunTask"] > 50, "the limit was never met");
}

#[tokio::test]
async fn after_spot_took_a_task_back_the_next_one_goes_elsewhere() {
    let double = api_double().await;
    let mut config = config();
    config.capacity_providers = vec![
        CapacityProvider::new("FARGATE_SPOT").weight(1),
        CapacityProvider::new("FARGATE").weight(0),
    ];
    let launcher = launcher(&double, config).await;
    double.inject(Fault::StopWhilePending(TaskEnd::spot_interruption()));
    let first = launcher.launch(&spec()).await.unwrap();
    status_until(&launcher, &first, |status| matches!(status, TaskStatus::Stopped(_))).await;
    let second = launcher.launch(&spec()).await.unwrap();
    let provider = |arn: &str| double.task(arn).capacity_provider;
    assert_eq!(provider(first.id()).as_deref(), Some("FARGATE_SPOT"));
    assert_eq!(provider(second.id()).as_deref(), Some("FARGATE"));
}
