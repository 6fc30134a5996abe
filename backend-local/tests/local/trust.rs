//! Set-ups that cannot work, and what is said about them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use fargate_backend_local::{LocalConfig, LocalLauncher};
use fargate_core::{Error, ErrorKind, StopCause, TaskLauncher, TaskStatus};

use crate::common::{GRACE, launcher, settled, spec};

fn with_agent(root: &Path, agent: &[&str]) -> LocalLauncher {
    LocalLauncher::new(LocalConfig::new(root, agent))
}

fn names_the_way_out(error: &Error, kind: ErrorKind) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.advice().is_some(), "{error:?}");
}

#[tokio::test]
async fn directory_others_can_change_is_refused() {
    let root = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o770, 0o1777] {
        fs::set_permissions(root.path(), Permissions::from_mode(mode)).unwrap();
        let error = launcher(root.path()).launch(&spec()).await.unwrap_err();
        names_the_way_out(&error, ErrorKind::Untrusted);
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn missing_directory_is_made_for_this_user_only() {
    let root = tempfile::tempdir().unwrap();
    let deep = root.path().join("a/b");
    let launcher = launcher(&deep);
    assert_eq!(launcher.list("me").await.unwrap(), []);
    let task = launcher.launch(&spec()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&deep), 0o700);
    assert_eq!(mode(&deep.join(task.id())), 0o700);
    launcher.stop(&task, GRACE).await.unwrap();
}

#[tokio::test]
async fn directory_that_is_a_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = launcher(&path).launch(&spec()).await.unwrap_err();
        names_the_way_out(&error, ErrorKind::InvalidConfig);
    }
}

#[tokio::test]
async fn missing_agent_program_is_named_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    for program in ["/nonexistent/agent", "no-such-program-anywhere"] {
        let spec = spec();
        let error = with_agent(root.path(), &[program]).launch(&spec).await.unwrap_err();
        names_the_way_out(&error, ErrorKind::InvalidConfig);
        assert!(error.message().contains(program), "{error}");
        assert!(!root.path().join(spec.key.as_str()).exists());
    }
    let error = with_agent(root.path(), &[]).launch(&spec()).await.unwrap_err();
    names_the_way_out(&error, ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn agent_that_fails_says_why_in_the_status() {
    let root = tempfile::tempdir().unwrap();
    let launcher = with_agent(root.path(), &["/bin/sh", "-c", "echo out of luck >&2; exit 1"]);
    let task = launcher.launch(&spec()).await.unwrap();
    let TaskStatus::Stopped(stopped) = settled(&launcher, &task).await else { panic!() };
    assert_eq!(stopped.cause, StopCause::FailedToStart);
    assert_eq!(stopped.facts, [("agent log", "out of luck".to_owned())]);
    let found = launcher.list("me").await.unwrap();
    assert_eq!(found, std::slice::from_ref(&task), "its directory is still there");
    launcher.stop(&task, GRACE).await.unwrap();
    assert_eq!(launcher.list("me").await.unwrap(), []);
}

#[tokio::test]
async fn key_of_another_owner_is_a_conflict() {
    let root = tempfile::tempdir().unwrap();
    let launcher = launcher(root.path());
    let mut spec = spec();
    let task = launcher.launch(&spec).await.unwrap();
    spec.owner = fargate_core::TaskKey::new("other").unwrap();
    let error = launcher.launch(&spec).await.unwrap_err();
    names_the_way_out(&error, ErrorKind::Conflict);
    launcher.stop(&task, GRACE).await.unwrap();
}
