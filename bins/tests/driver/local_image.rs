//! Jobs on this machine whose image is a directory.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use fargate_test_support::rootfs::Rootfs;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::harness::{BUILD_FAILURE, Host, Job, SYSTEM_FAILURE, ended, eventually, signal};

/// A host for the local backend with these lines below its section [Local].
fn host(lines: &str) -> Host {
    Host::new(&format!(
        "Backend = \"local\"\n[TaskMetadata]\nDirectory = \"{{root}}/metadata\"\n\
         [Local]\nDirectory = \"{{root}}/local\"\n{lines}\n"
    ))
}

/// A host that has `tree` for images like `alpine:3`.
fn host_with(tree: &Path) -> Host {
    host(&format!("Images = {{ \"alpine:*\" = {tree:?} }}"))
}

/// What there is of tasks; the marks of stopped ones are none.
fn tasks(host: &Host) -> Vec<PathBuf> {
    tasks_below(host.directory.path())
}

fn tasks_below(directory: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(directory.join("local/tasks"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    all.filter(|path| !path.ends_with(".stopped")).collect()
}

/// Every name in a directory, however deep, with its length.
fn content(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        all.push((entry.path(), fs::symlink_metadata(entry.path()).unwrap().len()));
        if entry.file_type().unwrap().is_dir() {
            all.extend(content(&entry.path()));
        }
    }
    all.sort();
    all
}

fn processes_with(word: &str) -> Vec<i32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(word)
        })
        .collect()
}

async fn output(job: &Job<'_>, script: &str) -> String {
    job.script(script, "build_script").await.ok().stdout_text()
}

#[tokio::test]
async fn a_job_in_an_image_sees_its_own_files_and_the_image_never_changes() {
    let image = Rootfs::busybox();
    fs::write(image.path().join("bin/of-the-image"), "of the image\n").unwrap();
    let before = content(image.path());
    let host = host_with(image.path());
    let secret = host.directory.path().join("of-this-machine");
    fs::write(&secret, "of this machine").unwrap();

    let job = host.job_with_image(json!({"name": "alpine:3"}));
    let config = job.config().await.ok();
    let answer: serde_json::Value = serde_json::from_slice(&config.stdout).unwrap();
    assert_eq!(
        (&answer["builds_dir"], &answer["cache_dir"]),
        (&json!("/builds"), &json!("/cache"))
    );
    job.prepare().await.ok().says("Starting a task with image alpine:3 on this machine");
    assert_eq!(output(&job, "cat /bin/of-the-image; id -u; pwd").await, "of the image\n0\n/root\n");
    let look = format!("ls {0} || ls /proc/1/root{0} || echo neither", secret.display());
    assert_eq!(output(&job, &look).await, "neither\n");
    // What a stage changes is there in the next one.
    output(&job, "echo built >/builds/result; echo changed >/bin/of-the-image; rm /bin/wget").await;
    let after =
        output(&job, "cat /builds/result /bin/of-the-image; [ -e /bin/wget ] || echo gone").await;
    assert_eq!(after, "built\nchanged\ngone\n");

    // Another job has the image as it is.
    let other = host.job_with_image(json!({"name": "alpine:edge"}));
    other.prepare().await.ok();
    let seen =
        output(&other, "cat /bin/of-the-image; ls /builds; ls /bin/wget; ls -d /proc/[0-9]*").await;
    assert!(seen.starts_with("of the image\n/bin/wget\n"), "{seen}");
    let processes = seen.lines().filter(|line| line.starts_with("/proc/")).count();
    assert!((2..9).contains(&processes), "the agent, the script and its own: {seen}");
    for job in [job, other] {
        job.cleanup().await.ok();
    }
    assert_eq!(content(image.path()), before);
    assert_eq!((tasks(&host), host.metadata_files()), (Vec::new(), 0));
}

#[tokio::test]
async fn an_exit_code_and_a_signal_in_an_image_reach_the_runner() {
    let image = Rootfs::busybox();
    let host = host_with(image.path());
    let job = host.job_with_image(json!({"name": "alpine:3"}));
    job.prepare().await.ok();
    job.script("exit 42", "build_script").await.failed_as(BUILD_FAILURE);
    assert_eq!(job.exit_code().unwrap().lines().next(), Some("42"));
    let killed = job.raw_script(b"kill -KILL $$\n", "build_script").await;
    killed.failed_as(BUILD_FAILURE).says("signal KILL (exit code 137)");
    assert_eq!(job.exit_code().unwrap().lines().next(), Some("137"));
    job.cleanup().await.ok();
}

#[tokio::test]
async fn a_cancel_ends_a_script_in_an_image_and_its_task_stays_for_the_next() {
    let image = Rootfs::busybox();
    let host = host_with(image.path());
    let job = host.job_with_image(json!({"name": "alpine:3"}));
    job.prepare().await.ok();
    let script = format!("sleep 7{0} & echo up >/up; exec sleep 7{0}", job.id);
    let word = format!("7{}", job.id);
    let running = job.start_script(&script, "build_script");
    eventually("both sleep", || processes_with(&word).len() >= 2).await;
    signal(&running, Signal::TERM);
    ended(running).await.failed_as(SYSTEM_FAILURE);
    eventually("neither sleeps", || processes_with(&word).is_empty()).await;
    assert_eq!(job.script("cat /up", "after_script").await.ok().stdout_text(), "up\n");
    job.cleanup().await.ok();
}

#[tokio::test]
async fn cleanup_leaves_nothing_whatever_a_job_in_an_image_made() {
    let image = Rootfs::busybox();
    let host = host_with(image.path());
    let job = host.job_with_image(json!({"name": "alpine:3"}));
    job.prepare().await.ok();
    let script = format!(
        "mkdir -p /builds/a/b; echo x >/builds/a/b/c; chmod 000 /builds/a/b; chown -R 1234:99 /builds/a\n\
         env -i setsid sleep 8{} >/dev/null 2>&1 </dev/null &",
        job.id
    );
    output(&job, &script).await;
    let word = format!("8{}", job.id);
    assert!(!processes_with(&word).is_empty(), "a daemon without the task's mark");
    job.cleanup().await.ok();
    eventually("the daemon is gone", || processes_with(&word).is_empty()).await;
    assert_eq!((tasks(&host), host.metadata_files()), (Vec::new(), 0));
}

#[tokio::test]
async fn what_a_killed_agent_leaves_in_an_image_is_over_and_cleaned_up() {
    let image = Rootfs::busybox();
    let host = host_with(image.path());
    let job = host.job_with_image(json!({"name": "alpine:3"}));
    job.prepare().await.ok();
    let word = format!("9{}", job.id);
    output(&job, &format!("env -i setsid sleep {word} >/dev/null 2>&1 </dev/null &")).await;
    assert!(!processes_with(&word).is_empty());
    let agent = fs::read_to_string(tasks(&host)[0].join("agent.pid")).unwrap();
    let agent = agent.parse().ok().and_then(Pid::from_raw).unwrap();
    kill_process(agent, Signal::KILL).unwrap();
    eventually("everything inside has ended", || processes_with(&word).is_empty()).await;
    job.script("true", "build_script").await.failed_as(SYSTEM_FAILURE);
    job.cleanup().await.ok();
    assert_eq!((tasks(&host), host.metadata_files()), (Vec::new(), 0));
}

#[tokio::test]
async fn a_user_without_rights_tries_a_job_in_an_image_and_nothing_stays() {
    let image = Rootfs::busybox();
    let room = tempfile::tempdir().unwrap();
    let path = |name: &str| room.path().join(name);
    fs::copy(env!("CARGO_BIN_EXE_fargate"), path("fargate")).unwrap();
    fs::write(path("job.sh"), "id -u; mkdir /builds/a; echo >/builds/a/b; chmod 000 /builds/a")
        .unwrap();
    let config = format!(
        "Backend = 'local'\n[Local]\nDirectory = {:?}\nImages = {{ 'alpine:*' = {:?} }}\n",
        path("local"),
        image.path()
    );
    fs::write(path("fargate.toml"), config).unwrap();
    for path in [room.path(), &path("fargate")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    chown(room.path(), Some(1000), Some(1000)).unwrap();
    let mut command = tokio::process::Command::new("setpriv");
    command.args(["--reuid=1000", "--regid=1000", "--clear-groups"]).arg(path("fargate"));
    command.arg("--config").arg(path("fargate.toml")).args(["try", "--image", "alpine:3"]);
    command.arg(path("job.sh")).env("HOME", room.path()).env("TMPDIR", room.path());
    command.current_dir(room.path()).stdin(Stdio::null());
    let tried = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let tried = ended(tried).await.ok().says("with image alpine:3 on this machine");
    assert_eq!(tried.stdout_text(), "0\n");
    assert_eq!(tasks_below(room.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn an_image_without_a_directory_is_named_as_ignored_and_so_are_services() {
    let image = Rootfs::busybox();
    for (host, why) in [
        (host(""), "tasks on this machine have none"),
        (host_with(image.path()), "Local.Images has no entry for it"),
    ] {
        let job = host.job_with_image(json!({"name": "debian:13\n", "entrypoint": ["/init"]}));
        job.respond("services", json!([{"name": "postgres:16"}]));
        let config = job.config().await.ok();
        assert!(!config.stdout_text().contains("builds_dir"), "{config:?}");
        let prepared = job.prepare().await.ok();
        let prepared = prepared.says(&format!("The job's image debian:13\\n is not used: {why}"));
        prepared.says("postgres:16");
        assert_ne!(output(&job, "pwd").await, "/root\n", "the task's home on this machine");
        job.cleanup().await.ok();
    }
}

#[tokio::test]
async fn a_directory_that_is_no_image_is_told_before_anything_starts() {
    let empty = tempfile::tempdir().unwrap();
    for (tree, why) in [(empty.path(), "no /bin/sh"), (Path::new("images/alpine"), "not absolute")]
    {
        let host = host_with(tree);
        let job = host.job_with_image(json!({"name": "alpine:3"}));
        job.stage(&["config"]).await.ok();
        let prepared = job.prepare().await.failed_as(SYSTEM_FAILURE);
        prepared.says(why).says("alpine:*").says("fix: ");
        job.cleanup().await.ok();
        assert_eq!((tasks(&host), host.metadata_files()), (Vec::new(), 0));

        let mut check = tokio::process::Command::new(env!("CARGO_BIN_EXE_fargate"));
        let config = host.directory.path().join("fargate.toml");
        let checked = check.arg("--config").arg(config).arg("check-config").output().await.unwrap();
        assert_eq!(checked.status.code(), Some(1));
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(said.contains(why) && said.contains("alpine:*"), "{said}");
    }
}
