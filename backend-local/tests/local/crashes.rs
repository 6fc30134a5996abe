//! What crashes and races leave, and that it heals.

use std::ffi::OsString;
use std::fs;

use fargate_backend_local::{LocalConfig, LocalLauncher};
use fargate_core::{ErrorKind, StopCause, TaskLauncher, TaskStatus};
use rustix::process::{Pid, Signal, kill_process};

use crate::common::{GRACE, ended, launcher, owner, processes_of, settled, spec};

#[tokio::test]
async fn directory_without_an_agent_is_healed_by_the_next_launch() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    for content in [&[][..], &["lock"], &["lock", "agent.lock"]] {
        let spec = spec();
        let dir = root.path().join(spec.key.as_str());
        fs::create_dir(&dir).unwrap();
        for name in content {
            fs::write(dir.join(name), "").unwrap();
        }
        let task = launcher.launch(&spec).await.unwrap();
        let status = settled(&launcher, &task).await;
        assert!(matches!(status, TaskStatus::Running { .. }), "{content:?}: {status:?}");
        launcher.stop(&task, GRACE).await.unwrap();
    }
}

#[tokio::test]
async fn task_whose_launcher_died_before_the_agent_started_is_found_and_stopped() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let task = launcher.launch(&spec()).await.unwrap();
    settled(&launcher, &task).await;
    let dir = root.path().join(task.id());
    let crashed = root.path().join("crashed-1");
    fs::create_dir(&crashed).unwrap();
    let record = fs::read_to_string(dir.join("task.json")).unwrap();
    fs::write(crashed.join("task.json"), record.replace(task.id(), "crashed-1")).unwrap();
    let found = launcher.list("me").await.unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    for task in found {
        launcher.stop(&task, GRACE).await.unwrap();
    }
    assert!(!dir.exists() && !crashed.exists());
}

#[tokio::test]
async fn agent_whose_launcher_died_before_it_noted_the_process_id_is_one_and_can_be_stopped() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let spec = spec();
    let task = launcher.launch(&spec).await.unwrap();
    let dir = root.path().join(task.id());
    fs::remove_file(dir.join("agent.pid")).unwrap();
    launcher.launch(&spec).await.unwrap();
    settled(&launcher, &task).await;
    assert_eq!(processes_of(&dir).len(), 1);
    launcher.stop(&task, GRACE).await.unwrap();
    assert!(processes_of(&dir).is_empty());
}

#[tokio::test]
async fn agent_whose_process_id_cannot_be_noted_does_not_stay() {
    let root = tempfile::tempdir().unwrap();
    let agent = fargate_test_support::binaries::agent();
    // One that starts another process, which holds the agent's lock too.
    let wrapped = ["/bin/sh", "-c", "sleep 600 & sleep 600"].map(OsString::from);
    for agent in [vec![agent.into()], wrapped.to_vec()] {
        let launcher = LocalLauncher::new(LocalConfig::new(root.path(), agent));
        let spec = spec();
        let dir = root.path().join(spec.key.as_str());
        // In the way of the file that becomes agent.pid.
        fs::create_dir_all(dir.join("agent.pid.part")).unwrap();
        let error = launcher.launch(&spec).await.unwrap_err();
        assert!(error.message().contains("directory"), "{error:?}");
        assert!(processes_of(&dir).is_empty());
        assert!(!dir.exists());
        assert_eq!(launcher.list("me").await.unwrap(), []);
    }
}

#[tokio::test]
async fn twenty_launches_of_one_key_at_once_are_one_agent() {
    let root = tempfile::tempdir().unwrap();
    let spec = spec();
    let launches: Vec<_> = (0..20)
        .map(|_| {
            let (launcher, spec) = (launcher(root.path()), spec.clone());
            tokio::spawn(async move { launcher.launch(&spec).await.unwrap() })
        })
        .collect();
    let mut task = None;
    for launch in launches {
        task = Some(launch.await.unwrap());
    }
    let (launcher, task) = (launcher(root.path()), task.unwrap());
    settled(&launcher, &task).await;
    let dir = root.path().join(task.id());
    assert_eq!(processes_of(&dir).len(), 1);
    launcher.stop(&task, GRACE).await.unwrap();
}

#[tokio::test]
async fn stop_that_races_a_launch_leaves_no_agent() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    for _ in 0..10 {
        let spec = spec();
        let task = launcher.launch(&spec).await.unwrap();
        let (again, stopped) = tokio::join!(launcher.launch(&spec), launcher.stop(&task, GRACE));
        stopped.unwrap();
        if let Err(error) = again {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        }
        assert!(processes_of(&root.path().join(task.id())).is_empty());
        assert_eq!(launcher.list(owner().as_str()).await.unwrap(), []);
    }
}

#[tokio::test]
async fn agent_that_died_is_stopped_and_does_not_come_back() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let spec = spec();
    let task = launcher.launch(&spec).await.unwrap();
    settled(&launcher, &task).await;
    let dir = root.path().join(task.id());
    let pid = Pid::from_raw(processes_of(&dir)[0]).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    for _ in 0..2 {
        // Not by its environment: a dying process loses that before its lock.
        let stopped = ended(&launcher, &task).await;
        assert_eq!(stopped.cause, StopCause::Exited);
        assert_eq!(launcher.launch(&spec).await.unwrap().id(), task.id());
    }
    assert_eq!(launcher.list("me").await.unwrap(), []);
}

#[tokio::test]
async fn frozen_agent_is_killed_after_the_grace() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let task = launcher.launch(&spec()).await.unwrap();
    settled(&launcher, &task).await;
    let dir = root.path().join(task.id());
    let pid = Pid::from_raw(processes_of(&dir)[0]).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    launcher.stop(&task, GRACE).await.unwrap();
    assert!(processes_of(&dir).is_empty());
}

#[tokio::test]
async fn corrupt_and_foreign_directories_are_skipped() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let task = launcher.launch(&spec()).await.unwrap();
    let good = fs::read_to_string(root.path().join(task.id()).join("task.json")).unwrap();
    let key_elsewhere = good.replace(task.id(), "../../etc");
    for (name, content) in [
        ("half", "{\"version\":1,"),
        ("copied", good.as_str()),
        ("hostile", key_elsewhere.as_str()),
        ("Not-A-Key", good.as_str()),
    ] {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("task.json"), content).unwrap();
    }
    fs::write(root.path().join("a-file"), "").unwrap();
    let found = launcher.list("me").await.unwrap();
    assert_eq!(found, std::slice::from_ref(&task));
    launcher.stop(&task, GRACE).await.unwrap();
}
