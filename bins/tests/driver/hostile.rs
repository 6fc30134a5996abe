//! Job authors who try to reach other jobs, files that are not what they should be, and secrets.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use fargate_test_support::ecs::{EcsDouble, Fault, TaskEnd};

use crate::checks::{
    SECRET_SCRIPT, all_calls, calls, no_secret, nothing_left, nothing_left_locally, only_task,
    quick_double, tells,
};
use crate::harness::{BUILD_FAILURE, Host, Job, ended, eventually};

/// What GitLab calls a job's own; a job's author can override every one of them.
const IDENTITY: [&str; 8] = [
    "CI_JOB_ID",
    "CI_PROJECT_URL",
    "CI_PROJECT_ID",
    "CI_PIPELINE_ID",
    "CI_RUNNER_SHORT_TOKEN",
    "CI_CONCURRENT_ID",
    "CI_JOB_TOKEN",
    "CI_SERVER_URL",
];

fn metadata_file(host: &Host) -> PathBuf {
    let mut files = fs::read_dir(host.metadata()).unwrap().map(|entry| entry.unwrap().path());
    let file = files.next().expect("a metadata file");
    assert!(files.next().is_none(), "one metadata file");
    file
}

#[tokio::test]
async fn variables_of_another_job_reach_neither_its_task_nor_its_file() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let victim = host.job();
    victim.prepare().await.ok();
    let file = metadata_file(&host);
    let before = fs::read(&file).unwrap();

    let mut attacker = host.job();
    for name in IDENTITY {
        attacker.variable(name, &victim.id.to_string());
    }
    attacker.script("echo reached", "build_script").await.says("no metadata file");
    attacker.cleanup().await.ok();
    assert_eq!(only_task(&double).stopped_reason, None, "nobody stopped the other job's task");
    assert_eq!(fs::read(&file).unwrap(), before, "its file is untouched");

    attacker.prepare().await.ok();
    assert_eq!(double.running(), 2, "a task of its own");
    assert_eq!(fs::read(&file).unwrap(), before);
    attacker.cleanup().await.ok();
    victim.script("true", "build_script").await.ok();
    victim.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn paths_and_line_ends_in_variables_lead_nowhere() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let outside = host.directory.path().join("outside");
    let mut job = host.job();
    for (at, name) in IDENTITY.iter().enumerate() {
        let value =
            ["../../outside", "/etc/passwd", "a\nb\r\n[Fargate]", "$(touch outside)"][at % 4];
        job.variable(name, value);
    }
    job.variable("CI_JOB_NAME", "../outside\n\u{1b}[31m");
    job.variable("CI_JOB_STAGE", &"x".repeat(100_000));
    job.prepare().await.ok();
    let name = metadata_file(&host).file_name().unwrap().to_str().unwrap().to_owned();
    let stem = name.strip_suffix(".json").unwrap_or_default();
    assert!(stem.len() == 32 && stem.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    job.script("true", "build_script").await.ok();
    job.cleanup().await.ok();
    assert!(!outside.exists() && !job.directory.path().join("outside").exists());
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_task_definition_of_the_authors_choice_is_only_a_name() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "AllowedTaskDefinitions = [\"test-*\"]");
    for asked in ["plain-task", "../test-task", "test-task\nother", "arn:aws:ecs:x:1:test-task"] {
        let mut job = host.job();
        job.variable("FARGATE_TASK_DEFINITION", asked);
        let ended = job.prepare().await;
        assert!(double.tasks().is_empty(), "{asked:?}: {ended:#?}");
        assert_ne!(ended.code, Some(0), "{asked:?}");
    }
    let mut job = host.job();
    job.variable("FARGATE_TASK_DEFINITION", "plain-task");
    let refused = job.prepare().await.failed_as(BUILD_FAILURE);
    assert!(refused.stderr.contains("AllowedTaskDefinitions"), "{}", refused.stderr);
    assert_eq!(host.metadata_files(), 0);
}

#[tokio::test]
async fn a_job_response_that_cannot_be_read_is_an_error_and_never_a_fallback() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let texts: [&[u8]; 6] =
        [b"", b"{}", b"hunter2", b"{\"id\":\"hunter2\"}", b"[]", b"\xff\xfe\x00"];
    for text in texts {
        let job = host.job();
        fs::write(job.directory.path().join("response.json"), text).unwrap();
        for stage in ["config", "prepare", "cleanup"] {
            let ended = job.stage(&[stage]).await;
            tells(&ended, &["read the job response", "response.json"]);
        }
        let ended = job.script("echo ran", "build_script").await;
        tells(&ended, &["read the job response"]);
    }
    let job = host.job();
    fs::remove_file(job.directory.path().join("response.json")).unwrap();
    fs::create_dir(job.directory.path().join("response.json")).unwrap();
    tells(&job.prepare().await, &["read the job response", "response.json"]);
    assert_eq!((all_calls(&double), host.metadata_files()), (0, 0));
}

#[tokio::test]
async fn a_metadata_directory_that_others_can_write_is_refused() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    fs::create_dir(host.metadata()).unwrap();
    fs::set_permissions(host.metadata(), Permissions::from_mode(0o777)).unwrap();
    let job = host.job();
    for stage in ["prepare", "cleanup"] {
        let ended = job.stage(&[stage]).await;
        tells(&ended, &["can be written by everybody", "chmod 0700", "keys of running jobs"]);
    }
    assert_eq!(all_calls(&double), 0);
}

/// Puts `text` in place of a prepared job's metadata.
async fn damage(words: &[&str], harm: impl Fn(&Path)) {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    harm(&metadata_file(&host));
    let ended = job.script("echo ran", "build_script").await;
    tells(&ended, words);
    assert_eq!(ended.stdout_text(), "");
    // The ledger still knows the task.
    let cleaned = job.cleanup().await.ok();
    no_secret(&cleaned);
    only_task(&double);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn truncated_metadata() {
    damage(&["job's metadata", "damaged"], |file| {
        let text = fs::read(file).unwrap();
        fs::write(file, &text[..text.len() / 2]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn metadata_that_is_no_json() {
    damage(&["job's metadata", "damaged"], |file| fs::write(file, "\0garbage").unwrap()).await;
}

#[tokio::test]
async fn metadata_of_a_newer_version() {
    damage(&["version 99", "reads up to"], |file| {
        fs::write(file, "{\"version\":99,\"else\":[]}").unwrap();
    })
    .await;
}

#[tokio::test]
async fn metadata_that_others_could_have_written() {
    damage(&["can be written by everybody"], |file| {
        fs::set_permissions(file, Permissions::from_mode(0o666)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn metadata_that_is_a_link() {
    damage(&["job's metadata", "cannot be opened"], |file| {
        let elsewhere = file.parent().unwrap().parent().unwrap().join("elsewhere");
        fs::rename(file, &elsewhere).unwrap();
        symlink(elsewhere, file).unwrap();
    })
    .await;
}

#[tokio::test]
async fn metadata_of_another_job() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let (one, other) = (host.job(), host.job());
    one.prepare().await.ok();
    let file = metadata_file(&host);
    let first = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    other.prepare().await.ok();
    fs::write(metadata_file(&host), &first).unwrap();
    tells(&other.script("echo ran", "build_script").await, &["belongs to another job"]);
    other.cleanup().await.ok();
    eventually("the end of its own task", || double.running() == 1).await;
    assert_eq!(double.tasks()[0].stopped_reason, None, "and of no other");
    fs::write(&file, &first).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    one.script("true", "build_script").await.ok();
    one.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

/// A file system of a few pages, gone with the value.
struct TinyDisk(PathBuf);

impl TinyDisk {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir(&at).unwrap();
        let options = "size=16k,nr_inodes=16,mode=0700";
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&at)
            .status()
            .unwrap();
        assert!(mounted.success(), "mounting needs root");
        Self(at)
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let error = fs::write(self.0.join("filling"), vec![0; 64 << 10]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        // A panic may be under way; the lazy form works even while a file is open.
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_starts_nothing() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let disk = TinyDisk::mount(host.metadata());
    disk.fill();
    let job = host.job();
    let words = ["write the job's metadata", "No space left", "check free space"];
    tells(&job.prepare().await, &words);
    assert_eq!(double.tasks().len(), 0, "without a trace nothing is started");
    assert_eq!(host.metadata_files(), 1, "only what filled the disk");
    fs::remove_file(disk.0.join("filling")).unwrap();
    job.prepare().await.ok();
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn a_disk_that_fills_up_after_the_launch_leaves_no_task() {
    let double = quick_double().await;
    double.inject(Fault::Delay { op: "RunTask", by: std::time::Duration::from_secs(1), times: 1 });
    let host = Host::ecs(&double, "");
    let disk = TinyDisk::mount(host.metadata());
    let job = host.job();
    let preparing = job.spawn(&["prepare"]);
    eventually("the call", || calls(&double, "RunTask") == 1).await;
    disk.fill();
    let prepared = ended(preparing).await;
    tells(&prepared, &["write the job's metadata", "No space left"]);
    eventually("the end of the task", || double.running() == 0).await;
    only_task(&double);
    job.cleanup().await.ok();
    assert_eq!(host.metadata_files(), 1, "only what filled the disk");
}

#[tokio::test]
async fn an_exit_code_that_cannot_be_written_is_a_system_failure() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    fs::create_dir(job.exit_code_file()).unwrap();
    let ended = job.script("exit 3", "build_script").await;
    tells(&ended, &["exit code", "build_exit_code", "directory"]);
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

/// Every stage at the highest log level, going well and failing.
async fn every_word(host: &Host, job: &mut Job<'_>, double: Option<&EcsDouble>) {
    let mut log = String::new();
    for flags in [vec!["--log-level", "trace"], vec!["--debug", "--log-format", "json"]] {
        job.flags = flags.into_iter().map(str::to_owned).collect();
        job.variable("CI_JOB_TOKEN", "job-token-hunter2");
        let mut all = vec![job.config().await, job.prepare().await];
        all.push(job.script(SECRET_SCRIPT, "build_script").await);
        let secret = fs::read_to_string(metadata_file(host)).unwrap();
        all.push(job.script(&format!("{SECRET_SCRIPT}; exit 3"), "after_script").await);
        if let Some(double) = double {
            let begun = job.directory.path().join("begun");
            let body = format!("{SECRET_SCRIPT}; touch {}; sleep 60", begun.display());
            let running = job.start_script(&body, "build_script");
            eventually("the script's begin", || begun.exists()).await;
            let arn = double.tasks().pop().unwrap().arn;
            double.end_task(&arn, TaskEnd::spot_interruption()).await;
            all.push(ended(running).await);
            fs::remove_file(begun).unwrap();
        }
        all.push(job.cleanup().await);
        all.push(job.script(SECRET_SCRIPT, "after_script").await);
        for ended in &all {
            no_secret(ended);
            assert!(ended.code.is_some(), "{ended:#?}");
            log.push_str(&ended.stderr);
        }
        let record: serde_json::Value = serde_json::from_str(&secret).unwrap();
        let private = record["credential"]["private"].as_str().unwrap();
        assert!(private.contains("PRIVATE KEY"), "the record holds the key");
        for line in private.lines().filter(|line| line.len() > 20) {
            assert!(!log.contains(line), "a part of the key in\n{log}");
        }
    }
    assert!(log.contains("DEBUG") && log.contains("\"level\""), "it was verbose:\n{log}");
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    every_word(&host, &mut host.job(), Some(&double)).await;
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_on_the_local_backend() {
    let host = Host::local();
    every_word(&host, &mut host.job(), None).await;
    nothing_left_locally(&host).await;
}
