//! A task's beginning and its end by itself.

use std::fs;

use fargate_core::{Endpoint, TaskLauncher, TaskStatus};
use tokio::process::Command;
use tokio::time::{Duration, timeout};

use crate::common::{
    GRACE, PATIENCE, ended, is_running, launcher, processes_of, settled, spec, until,
};

#[tokio::test]
async fn a_local_host_key_is_known_before_the_first_contact() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let task = launcher.launch(&spec()).await.unwrap();
    let status = settled(&launcher, &task).await;
    let TaskStatus::Running { endpoint: Some(endpoint) } = status else { panic!("{status:?}") };
    let Endpoint::Ssh { host, port, host_key: Some(known), .. } = &endpoint else {
        panic!("{endpoint:?}")
    };
    // It is the one that the server then shows.
    let scan = Command::new("ssh-keyscan").args(["-p", &port.to_string(), host]).output();
    let shown = timeout(PATIENCE, scan).await.expect("ends").unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.lines().any(|line| line.ends_with(&format!(" {known}"))), "{known}: {shown}");
    launcher.stop(&task, GRACE).await.unwrap();
}

#[tokio::test]
async fn a_local_task_ends_itself_at_its_deadline() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let task = launcher.launch(&spec().deadline(Duration::from_secs(1))).await.unwrap();
    let dir = root.path().join(task.id());
    let agent = fs::read_to_string(dir.join("agent.pid")).unwrap().parse().unwrap();
    ended(&launcher, &task).await;
    until("the agent is gone", || !is_running(agent) && processes_of(&dir).is_empty()).await;
    assert_eq!(launcher.list("me").await.unwrap(), []);
    launcher.stop(&task, GRACE).await.unwrap();
}
