//! What a task sees of this machine and what it leaves on it.

use std::fs;

use fargate_core::{TaskLauncher, TaskStatus};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::common::{GRACE, is_running, launcher, processes_of, settled, spec, ssh, until};

#[tokio::test]
async fn daemon_that_left_its_session_is_swept_even_when_the_agent_was_killed() {
    let root = tempfile::tempdir().unwrap();
    let key = root.path().join("id");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .await
        .unwrap();
    assert!(made.success());
    let launcher = launcher(root.path());
    let mut spec = spec();
    spec.authorized_key = fs::read_to_string(key.with_extension("pub")).unwrap();
    let task = launcher.launch(&spec).await.unwrap();
    let dir = root.path().join(task.id());
    let status = settled(&launcher, &task).await;
    let TaskStatus::Running { endpoint: Some(endpoint) } = status else { panic!("{status:?}") };

    // Nothing of the driver's environment but what everybody may see, and a home of its own.
    let env = ssh(&endpoint, &key, "env").await;
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "the test runs under cargo");
    assert!(!env.contains("CARGO") && !env.contains("SSH_PUBLIC_KEY"), "{env}");
    assert!(env.contains(&format!("HOME={}\n", dir.join("home").display())), "{env}");
    assert_eq!(ssh(&endpoint, &key, "pwd").await.trim(), dir.join("home").to_str().unwrap());

    let agent = Pid::from_raw(processes_of(&dir)[0]).unwrap();
    let daemon = "setsid sh -c 'echo $$; exec sleep 600' 2>/dev/null </dev/null & sleep 0.2";
    let daemon = ssh(&endpoint, &key, daemon).await.trim().parse().unwrap();
    kill_process(agent, Signal::KILL).unwrap();
    assert!(is_running(daemon));
    launcher.stop(&task, GRACE).await.unwrap();
    until("the daemon is gone", || !is_running(daemon)).await;
    assert!(!dir.exists());
}

#[tokio::test]
async fn stopped_task_leaves_only_the_mark_of_its_key() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let task = launcher.launch(&spec()).await.unwrap();
    launcher.stop(&task, GRACE).await.unwrap();
    let names = |path: &std::path::Path| -> Vec<_> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(names(root.path()), [".stopped"]);
    assert_eq!(names(&root.path().join(".stopped")), [task.id()]);
}
