//! Starting pods: what is sent, what is adopted, what is waited for.

use std::io::Write;
use std::time::Duration;

use fargate_backend_eks::{ClusterAccess, EksConfig};
use fargate_core::{Endpoint, ErrorKind, TaskLauncher, TaskStatus};
use fargate_test_support::eks::{Fault, Trouble};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::TcpSocket;

use crate::bench::{
    GRACE, KEY, NAMESPACE, api_double, config, config_for, launcher, launcher_with, name, spec,
    status_until,
};

#[tokio::test]
async fn a_pod_carries_its_ledger_its_key_and_nothing_else_of_the_tasks() {
    let double = api_double().await;
    let mut config = config_for(&double);
    config.cpu = Some("500m".to_owned());
    config.memory = Some("1Gi".to_owned());
    let launcher = launcher_with(config).await;
    let spec = spec().label("gitlab:job-id", "7").deadline(Duration::from_secs(3600));
    let task = launcher.launch(&spec).await.unwrap();
    assert_eq!(task.id(), format!("{NAMESPACE}/ci-{}", spec.key));
    let pod = double.pod(&name(&task));
    assert_eq!(pod.annotations["fargate-driver/owner"], spec.owner.as_str());
    assert_eq!(pod.annotations["fargate-driver/key"], spec.key.as_str());
    assert_eq!(pod.labels["gitlab-job-id"], "7");
    assert_eq!(pod.env.get("SSH_PUBLIC_KEY").map(String::as_str), Some(KEY));
    assert_eq!(pod.env.len(), 1);
    assert_eq!(pod.json["spec"]["restartPolicy"], "Never");
    assert_eq!(pod.json["spec"]["activeDeadlineSeconds"], 3600);
    let resources = &pod.json["spec"]["containers"][0]["resources"];
    assert_eq!(resources["requests"], json!({"cpu": "500m", "memory": "1Gi"}));
    assert_eq!(resources["requests"], resources["limits"]);
}

#[tokio::test]
async fn a_running_pod_is_reached_at_its_own_address() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let task = launcher.launch(&spec()).await.unwrap();
    let up = |status: &TaskStatus| matches!(status, TaskStatus::Running { endpoint: Some(_) });
    let status = status_until(&launcher, &task, up).await;
    let host = double.pod(&name(&task)).address.to_string();
    let wanted = Endpoint::Ssh { host, port: 2222, user: "root".to_owned(), host_key: None };
    assert_eq!(status.endpoint(), Some(&wanted));
}

#[tokio::test]
async fn a_good_launch_is_one_request_and_one_look_for_a_stop() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    launcher.launch(&spec()).await.unwrap();
    let calls: Vec<_> = double.calls().into_iter().collect();
    assert_eq!(calls, [("create pods".to_owned(), 1), ("get configmaps".to_owned(), 1)]);
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_a_conflict_that_names_them() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let mine = spec();
    let mut theirs = spec();
    theirs.key = mine.key.clone();
    launcher.launch(&theirs).await.unwrap();
    let error = launcher.launch(&mine).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.context_value("owner"), Some(theirs.owner.as_str()));
    assert_eq!(double.running(), 1);
}

#[tokio::test]
async fn throttling_and_trouble_of_the_service_are_borne() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let slow = Trouble::Throttled { retry_after: Some(1) };
    double.inject(Fault::new("create", "pods", slow).times(2));
    double.inject(Fault::new("create", "pods", Trouble::Unavailable));
    double.inject(Fault::new("create", "pods", Trouble::BadGateway));
    launcher.launch(&spec()).await.unwrap();
    assert_eq!(double.calls()["create pods"], 5);
    assert_eq!(double.running(), 1);
}

#[tokio::test]
async fn trouble_that_outlasts_the_timeout_is_told() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let slow = Trouble::Throttled { retry_after: None };
    double.inject(Fault::new("create", "pods", slow).always());
    let spec = spec().launch_timeout(Duration::from_millis(50));
    let error = launcher.launch(&spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(double.running(), 0);
}

#[tokio::test]
async fn a_used_up_quota_is_waited_for_until_the_timeout() {
    let double = api_double().await;
    let launcher = launcher(&double).await;
    let full = Trouble::Status {
        code: 403,
        reason: "Forbidden",
        message: "pods \"x\" is forbidden: exceeded quota: jobs, requested: pods=1".to_owned(),
    };
    double.inject(Fault::new("create", "pods", full.clone()).times(2));
    let task = launcher.launch(&spec()).await.unwrap();
    launcher.stop(&task, GRACE).await.unwrap();
    double.inject(Fault::new("create", "pods", full).always());
    let spec = spec().launch_timeout(Duration::from_millis(50));
    let error = launcher.launch(&spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Capacity);
    assert!(error.advice().is_some_and(|hint| hint.contains("ResourceQuota")), "{error:?}");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_is_told_soon() {
    // Bound and not listening: nobody else can come to the port meanwhile.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    let address = nobody.local_addr().unwrap();
    let kubeconfig = json!({
        "clusters": [{"name": "x", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "x", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    });
    file.write_all(kubeconfig.to_string().as_bytes()).unwrap();
    let mut config = config(ClusterAccess::kubeconfig(file.path()));
    config.pace.api_patience = Duration::from_millis(50);
    config.launch_timeout = Duration::from_secs(600);
    let launcher = launcher_with(config).await;
    let error = launcher.launch(&spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed, "{error:?}");
    assert!(error.advice().is_some());
}

#[tokio::test]
async fn the_billed_size_is_told_without_asking() {
    let double = api_double().await;
    let mut config: EksConfig = config_for(&double);
    config.cpu = Some("1".to_owned());
    config.memory = Some("8Gi".to_owned());
    let launcher = launcher_with(config).await;
    assert_eq!(launcher.billed_size().unwrap().to_string(), "2 vCPU and 9 GB");
    assert_eq!(double.calls().len(), 0);
    let text = format!("{launcher:?} {:?}", ClusterAccess::InCluster);
    assert!(!text.contains(double.token()), "{text}");
}
