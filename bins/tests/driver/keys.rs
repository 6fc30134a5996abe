//! The keys that open a task: one per job, or the operator's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fargate_test_support::ecs::{EcsDouble, EcsOptions};

use crate::harness::{Host, SYSTEM_FAILURE};

/// The files in a directory, however deep.
fn files_in(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_in(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn make_key(file: &Path, kind: &[&str]) -> String {
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", "operator@example", "-f"])
        .arg(file)
        .args(kind)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let public = fs::read_to_string(file.with_extension("pub")).unwrap();
    public.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn host_with_key(double: &EcsDouble) -> Host {
    let host = Host::ecs(double, "");
    let file = host.directory.path().join("fargate.toml");
    let key = host.directory.path().join("operator");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}PrivateKeyPath = \"{}\"\n", key.display())).unwrap();
    host
}

#[tokio::test]
async fn the_operators_key_is_used_and_not_copied() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    for kind in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"], &["-t", "ecdsa"]] {
        let host = host_with_key(&double);
        let key = host.directory.path().join("operator");
        let public = make_key(&key, kind);
        let job = host.job();
        job.prepare().await.ok();
        let task = double.tasks().pop().unwrap();
        assert!(task.public_key.unwrap().starts_with(&public), "{kind:?}");
        assert_eq!(job.script("echo in", "build_script").await.ok().stdout_text(), "in\n");

        let private = fs::read_to_string(&key).unwrap();
        // The file holds the public half too, and its last line may be short enough to be found
        // anywhere.
        let secret: Vec<_> = private
            .lines()
            .filter(|line| !line.starts_with("---") && line.len() > 40 && !public.contains(line))
            .collect();
        assert!(!secret.is_empty());
        for file in files_in(&host.metadata()) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("PRIVATE KEY"), "{}", file.display());
            assert!(!secret.iter().any(|line| text.contains(line)), "{}", file.display());
        }
        job.cleanup().await.ok();
        assert!(key.exists(), "it is the operator's");
        assert_eq!(host.metadata_files(), 0);
    }
}

#[tokio::test]
async fn a_private_key_that_cannot_be_used_launches_nothing() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    for content in [None, Some("no key\n")] {
        let host = host_with_key(&double);
        let key = host.directory.path().join("operator");
        if let Some(content) = content {
            fs::write(&key, content).unwrap();
        }
        let job = host.job();
        let ended = job.prepare().await.failed_as(SYSTEM_FAILURE);
        ended.says(key.to_str().unwrap()).says("fix: ");
        assert!(double.tasks().is_empty());
        job.cleanup().await.ok();
    }
}

#[tokio::test]
async fn a_key_of_the_job_is_its_own_and_for_the_owners_eyes_only() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    let jobs = [host.job(), host.job()];
    for job in &jobs {
        job.prepare().await.ok();
    }
    let keys: Vec<_> = double.tasks().into_iter().map(|task| task.public_key.unwrap()).collect();
    assert!(keys.iter().all(|key| key.starts_with("ssh-ed25519 ")), "{keys:?}");
    assert_ne!(keys[0], keys[1]);
    assert_eq!(mode(&host.metadata()), 0o700);
    let files = files_in(&host.metadata());
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600);
    }
    for job in &jobs {
        job.cleanup().await.ok();
    }
    assert_eq!(host.metadata_files(), 0);
}
