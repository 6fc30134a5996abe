//! What runs beside the job's container, for real: the helper container and services.

use std::time::Duration;

use fargate_backend_ecs::AgentSetup;
use fargate_core::{ErrorKind, TaskImage, TaskLauncher, TaskNeeds, TaskService, TaskStatus};
use fargate_test_support::ecs::Fault;
use tokio::time::{Instant, sleep};

use crate::bench::config;
use crate::registry::{Registry, Running};

const JOB: &str = "ci-coordinator";
const HELPER: &str = AgentSetup::HELPER;

/// A job in busybox with these services.
fn with(services: impl IntoIterator<Item = TaskService>) -> TaskNeeds {
    let mut needs = TaskNeeds::default();
    needs.image = Some(TaskImage::new("busybox:1"));
    needs.services = services.into_iter().collect();
    needs
}

/// A service that runs a shell script.
fn script(name: &str, script: &str) -> TaskService {
    let image = TaskImage::new("busybox:1").entrypoint(["sh", "-c"]);
    TaskService::new(name, image).command([script])
}

/// Serves a page at port 8000.
fn web() -> TaskService {
    let serve = "echo \"$GREETING from $(ls /)\" >/tmp/index.html; httpd -f -p 8000 -h /tmp";
    script("web", serve).alias("web").alias("www.internal").port(8000)
}

/// The log of a container once it has this many lines.
async fn log_of(task: &Running, container: &str, lines: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let log = task.launcher.log(&task.handle, container, 100).await.expect("a log");
        if log.len() >= lines {
            return log;
        }
        assert!(Instant::now() < until, "only {log:?}");
        sleep(config().pace.first_pause).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_helper_makes_is_the_jobs_too_and_everybody_may_change_it() {
    let registry = Registry::start().await;
    let config = registry.with_helper().await;
    let task = registry.run(config, with([])).await;
    let make = "mkdir /builds/app && echo source >/builds/app/file && echo kept >/cache/file; \
                echo there >/tmp/own";
    assert_eq!(task.said(&registry, HELPER, make).await, (0, String::new()));
    let look = "cat /builds/app/file /cache/file; stat -c %a /builds/app /builds/app/file; \
                ls /tmp/own";
    let (_, said) = task.said(&registry, JOB, look).await;
    assert!(said.starts_with("source\nkept\n777\n666\n"), "{said}");
    assert!(said.contains("/tmp/own: No such file"), "{said}");
    let (_, said) = task.said(&registry, HELPER, "touch /fargate/new").await;
    assert!(said.contains("Read-only file system"), "{said}");
    task.stop(&registry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_and_helper_reach_a_service_by_its_names_and_it_has_its_variables() {
    let registry = Registry::start().await;
    let config = registry.with_helper().await;
    let check = AgentSetup::new("agent").service_check(&web()).unwrap();
    let task = registry.run(config, with([web().variable("GREETING", "hello \"you\"")])).await;
    let check = String::from_utf8_lossy(&check.script);
    let (code, said) = task.said(&registry, JOB, &check).await;
    assert_eq!(code, 0, "{said}");
    for container in [JOB, HELPER] {
        for host in ["web", "www.internal", "localhost"] {
            let fetch = format!("wget -q -O - http://{host}:8000/");
            let (code, said) = task.said(&registry, container, &fetch).await;
            assert_eq!(code, 0, "{container} {host}: {said}");
            assert!(said.starts_with("hello \"you\" from "), "{said}");
            assert!(!said.contains("fargate") && !said.contains("builds"), "{said}");
        }
    }
    let (_, said) = task.said(&registry, JOB, "echo .$GREETING.").await;
    assert_eq!(said, "..\n", "the service's alone");
    task.stop(&registry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_crashes_leaves_the_task_running_and_its_log_is_read() {
    let registry = Registry::start().await;
    let config = registry.with_helper().await;
    let crash = "for n in $(seq 1 12); do echo line $n; done; echo broken >&2; exit 3";
    let silent = script("silent", "sleep 1000");
    let task = registry.run(config, with([script("crash", crash), silent, web()])).await;
    let log = log_of(&task, "crash", 13).await;
    assert_eq!((log[0].as_str(), log[12].as_str()), ("line 1", "broken"));
    let last = task.launcher.log(&task.handle, "crash", 3).await.unwrap();
    assert_eq!(last, ["line 11", "line 12", "broken"]);
    assert!(task.launcher.log(&task.handle, "crash", 0).await.unwrap().is_empty());
    assert!(task.launcher.log(&task.handle, "silent", 3).await.unwrap().is_empty());
    let helper = log_of(&task, HELPER, 1).await;
    assert!(helper.iter().any(|line| line.contains("host_key")), "{helper:?}");

    let (code, _) = task.said(&registry, JOB, "true").await;
    assert_eq!(code, 0);
    let status = task.launcher.status(&task.handle).await.unwrap();
    assert!(matches!(status, TaskStatus::Running { .. }), "{status:?}");
    let view = registry.double.task(&task.view.arn);
    let crashed = view.containers.iter().find(|one| one.name == "crash").unwrap();
    assert_eq!((crashed.status.as_str(), crashed.exit_code), ("STOPPED", Some(3)));
    task.stop(&registry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_says_what_to_do() {
    let registry = Registry::start().await;
    let logging = registry.with_helper().await;
    let task = registry.run(logging, with([])).await;
    let error = task.launcher.log(&task.handle, "other", 3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    registry.double.inject(Fault::Deny { op: "GetLogEvents" });
    let error = task.launcher.log(&task.handle, JOB, 3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    assert!(error.advice().unwrap().contains("logs:GetLogEvents"), "{error:?}");
    assert_eq!(error.context_value("log group"), Some("ci"));
    task.stop(&registry).await;

    let task = registry.run(registry.config(), with([])).await;
    let error = task.launcher.log(&task.handle, JOB, 3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.advice().unwrap().contains("awslogs"), "{error:?}");
    task.stop(&registry).await;
}
