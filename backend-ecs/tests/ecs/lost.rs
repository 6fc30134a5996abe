//! Launches whose answers are lost: never two tasks, and never a task that nobody looks for.

use std::sync::Arc;
use std::time::Duration;

use fargate_backend_ecs::{EcsConfig, EcsLauncher};
use fargate_core::{Error, ErrorKind, Result, TaskHandle, TaskLauncher, TaskSpec};
use fargate_test_support::ecs::{EcsDouble, Fault};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::bench::{api_double, config, launcher, spec};

#[tokio::test]
async fn a_lost_answer_does_not_start_a_second_task() {
    for times in [1, 7] {
        let double = api_double().await;
        double.inject(Fault::LostResponse { op: "RunTask", times });
        let task = launcher(&double, config()).await.launch(&spec()).await.unwrap();
        assert_eq!(double.tasks().len(), 1, "{times} lost");
        assert_eq!(double.tasks()[0].arn, task.id());
    }
}

#[tokio::test]
async fn answers_lost_for_ever_are_recovered_by_looking() {
    let double = api_double().await;
    double.inject(Fault::LostResponse { op: "RunTask", times: u32::MAX });
    let mut config = config();
    config.launch_timeout = Duration::from_millis(200);
    let task = launcher(&double, config).await.launch(&spec()).await.unwrap();
    assert_eq!(double.tasks().len(), 1);
    assert_eq!(double.tasks()[0].arn, task.id());
}

#[tokio::test]
async fn answers_lost_for_ever_without_the_right_to_look_are_an_unknown_outcome() {
    let double = api_double().await;
    double.inject(Fault::LostResponse { op: "RunTask", times: u32::MAX });
    double.inject(Fault::Deny { op: "ListTasks" });
    let mut config = config();
    config.launch_timeout = Duration::from_millis(200);
    let error = launcher(&double, config).await.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
}

#[tokio::test]
async fn an_answer_later_than_the_time_limit_does_not_start_a_second_task() {
    let double = api_double().await;
    double.inject(Fault::Delay { op: "RunTask", by: Duration::from_millis(900), times: 1 });
    let mut config = config();
    config.pace.api_timeout = Duration::from_millis(300);
    let task = launcher(&double, config).await.launch(&spec()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(double.tasks().len(), 1);
    assert_eq!(double.tasks()[0].arn, task.id());
}

/// A pause between attempts that leaves time to change the faults, and a launch that ends soon.
fn short() -> EcsConfig {
    let mut config = config();
    config.launch_timeout = Duration::from_millis(1500);
    config.pace.api_first_pause = Duration::from_millis(100);
    config
}

/// A launch that has started a task and had no answer; every answer is lost until told otherwise.
async fn started_unanswered(
    double: &EcsDouble,
    config: EcsConfig,
    spec: TaskSpec,
) -> JoinHandle<Result<TaskHandle>> {
    double.inject(Fault::LostResponse { op: "RunTask", times: u32::MAX });
    let launcher: Arc<EcsLauncher> = launcher(double, config).await;
    let launch = tokio::spawn(async move { launcher.launch(&spec).await });
    let deadline = Instant::now() + Duration::from_secs(60);
    while double.tasks().is_empty() {
        assert!(Instant::now() < deadline, "no task was started");
        sleep(Duration::from_millis(1)).await;
    }
    launch
}

fn is_unknown(error: &Error, last: &str) {
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert!(error.message().contains("unknown"), "{error:?}");
    assert!(error.report().to_string().contains(last), "{error:?}");
    assert!(std::error::Error::source(error).is_some());
}

#[tokio::test]
async fn what_comes_after_a_lost_answer_does_not_hide_it() {
    let deny = Fault::Deny { op: "RunTask" };
    let throttle = Fault::Throttle { op: "RunTask", times: u32::MAX };
    let refuse = Fault::Error {
        op: "RunTask",
        code: "ClientException".to_owned(),
        message: "TaskDefinition is inactive".to_owned(),
        http_status: 400,
        times: u32::MAX,
    };
    let expire = Fault::Error {
        op: "RunTask",
        code: "ExpiredTokenException".to_owned(),
        message: "The security token is expired".to_owned(),
        http_status: 400,
        times: u32::MAX,
    };
    for (fault, last) in [
        (deny, "is not authorized to perform: ecs:RunTask"),
        (throttle, "Rate exceeded"),
        (refuse, "TaskDefinition is inactive"),
        (expire, "The security token is expired"),
    ] {
        let double = api_double().await;
        double.inject(Fault::ListLag { by: Duration::from_secs(3600) });
        let launch = started_unanswered(&double, short(), spec()).await;
        double.inject(fault);
        let error = launch.await.unwrap().unwrap_err();
        is_unknown(&error, last);
        assert!(error.context_value("aws code").is_some(), "{error:?}");
        assert_eq!(double.tasks().len(), 1);
    }
}

#[tokio::test]
async fn an_api_that_is_gone_after_a_lost_answer_does_not_hide_it() {
    let double = api_double().await;
    let launch = started_unanswered(&double, short(), spec()).await;
    drop(double);
    let error = launch.await.unwrap().unwrap_err();
    is_unknown(&error, "cannot be reached");
}

#[tokio::test]
async fn a_server_error_may_have_started_a_task() {
    let double = api_double().await;
    double.inject(Fault::ServerError { op: "RunTask", times: u32::MAX });
    let mut config = config();
    config.launch_timeout = Duration::from_millis(200);
    let error = launcher(&double, config).await.launch(&spec()).await.unwrap_err();
    is_unknown(&error, "Service Unavailable");
}

#[tokio::test]
async fn no_room_after_a_server_error_may_still_be_a_task() {
    let double = api_double().await;
    double.inject(Fault::ServerError { op: "RunTask", times: 1 });
    double.inject(Fault::capacity(u32::MAX));
    let mut config = config();
    config.launch_timeout = Duration::from_millis(200);
    let error = launcher(&double, config).await.launch(&spec()).await.unwrap_err();
    is_unknown(&error, "no room");
}

#[tokio::test]
async fn a_token_whose_task_may_not_be_seen_is_an_unknown_outcome() {
    let double = api_double().await;
    let launcher = launcher(&double, config()).await;
    let spec = spec();
    launcher.launch(&spec).await.unwrap();
    double.inject(Fault::Deny { op: "DescribeTasks" });
    // AWS answers other parameters under the same token with a conflict.
    let mut other = spec.clone();
    other.authorized_key = format!("{} changed", crate::bench::KEY);
    let error = launcher.launch(&other).await.unwrap_err();
    is_unknown(&error, "ecs:DescribeTasks");
    assert!(error.advice().is_some_and(|hint| hint.contains("ecs:DescribeTasks")), "{error:?}");
}

#[tokio::test]
async fn a_task_that_can_be_seen_ends_the_doubt() {
    let double = api_double().await;
    let launch = started_unanswered(&double, short(), spec()).await;
    double.inject(Fault::Deny { op: "RunTask" });
    let task = launch.await.unwrap().unwrap();
    assert_eq!(double.tasks().len(), 1);
    assert_eq!(double.tasks()[0].arn, task.id());
}
