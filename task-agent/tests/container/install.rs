//! The agent's way into images that do not have it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use fargate_core::AgentSetup;
use fargate_test_support::binaries;
use fargate_test_support::rootfs::{Entry, Rootfs};

use crate::common::{AGENT, Contained, busybox, run, with_agent};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fargate-agent");

fn install(directory: &Path) -> (String, Option<i32>) {
    let mut command = Command::new(PROGRAM);
    command.arg("install").arg(directory).env_remove("SSH_PUBLIC_KEY");
    run(command)
}

/// The names in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("one"));
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

/// `install` into `/volume` as `entry` leads there, then what is in it.
fn install_inside(root: &Rootfs, entry: &Entry) -> String {
    root.directory("/volume", 0o755);
    let script = format!("{AGENT} install /volume 2>&1; echo code $?; ls -A /volume");
    run(entry.command(["/bin/sh", "-c", &script])).0
}

#[tokio::test]
async fn init_container_from_scratch_brings_the_agent_to_the_jobs_image() {
    let volume = tempfile::tempdir().unwrap();
    let scratch = Rootfs::empty();
    scratch.program(&binaries::static_agent(), "/fargate-agent");
    scratch.directory("/fargate", 0o755);
    let init = scratch.entry().read_only().volume(volume.path(), "/fargate", true);
    let (said, code) = run(init.command(["/fargate-agent", "install", "/fargate"]));
    assert_eq!(code, Some(0), "{said}");
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).unwrap();

    let image = Rootfs::busybox();
    image.directory("/fargate", 0o755);
    let job = image.entry().user(1000).volume(volume.path(), "/fargate", false);
    let container = Contained::start(&job, &[("PATH", "/bin")]);
    assert_eq!(container.run("ls /fargate").await, "bin\nfargate-agent\n");
}

#[test]
fn copy_is_whole_and_everybody_may_run_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    // What is in the environment is for the agent, and must not be in the way.
    command
        .env("SSH_PUBLIC_KEY", "not a key")
        .env(AgentSetup::HOSTS, "db")
        .args(["-c", r#"umask 077; exec "$0" install "$1""#]);
    command.arg(PROGRAM).arg(directory.path());
    let (said, code) = run(command);
    assert_eq!(code, Some(0), "{said}");
    let copy = directory.path().join("fargate-agent");
    assert_eq!(names(directory.path()), ["bin", "fargate-agent"]);
    let links = directory.path().join("bin");
    assert_eq!(fs::metadata(links).unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o7777, 0o755);
    assert!(fs::read(&copy).unwrap() == fs::read(PROGRAM).unwrap(), "the copy differs");
    let mut version = Command::new(copy);
    version.arg("--version");
    assert_eq!(run(version).1, Some(0));
}

#[test]
fn installing_again_replaces_whatever_has_the_name() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("fargate-agent");
    fs::write(&copy, "half an agent").unwrap();
    assert_eq!(install(directory.path()).1, Some(0));
    // By the copy itself, which cannot be written to while it runs (ETXTBSY in open(2)).
    let mut again = Command::new(&copy);
    again.arg("install").arg(directory.path());
    assert_eq!(run(again).1, Some(0));
    assert_eq!(names(directory.path()), ["bin", "fargate-agent"]);
    assert_eq!(names(&directory.path().join("bin")), ["gitlab-runner"]);
    assert!(fs::read(&copy).unwrap() == fs::read(PROGRAM).unwrap(), "the copy differs");
}

#[test]
fn place_that_is_no_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (said, code) = install(&directory.path().join("missing"));
    assert_eq!(code, Some(1));
    assert!(said.contains("missing is not there"), "{said}");
    fs::write(directory.path().join("file"), "").unwrap();
    let (said, code) = install(&directory.path().join("file"));
    assert_eq!(code, Some(1));
    assert!(said.contains("file is no directory"), "{said}");
}

#[test]
fn directory_of_the_agents_name_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("fargate-agent")).unwrap();
    let (said, code) = install(directory.path());
    assert_eq!(code, Some(1));
    assert!(said.contains("has a directory of a program's name"), "{said}");
    assert_eq!(names(directory.path()), ["fargate-agent"]);
}

#[test]
fn links_that_have_no_directory_are_told() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bin"), "").unwrap();
    let (said, code) = install(directory.path());
    assert_eq!(code, Some(1));
    assert!(said.contains("has a bin that is no directory"), "{said}");
}

#[tokio::test]
async fn scripts_find_the_program_of_a_helper_image_under_the_name_they_call() {
    let volume = tempfile::tempdir().unwrap();
    assert_eq!(install(volume.path()).1, Some(0));
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // The ordinary program just installed needs a libc.
    fs::copy(binaries::static_agent(), volume.path().join("fargate-agent")).unwrap();
    let image = Rootfs::busybox();
    image.directory("/fargate", 0o755);
    image.directory("/usr/bin", 0o755);
    let helper = image.path().join("usr/bin/gitlab-runner-helper");
    fs::write(&helper, "#!/bin/sh\necho helper $*\n").unwrap();
    fs::set_permissions(helper, fs::Permissions::from_mode(0o755)).unwrap();
    let entry = image.entry().user(1000).volume(volume.path(), "/fargate", false);
    let setup = AgentSetup::new("agent:1");
    let more = setup.helper_environment(&[]).remove(AgentSetup::MORE_PATH).unwrap();
    let environment = [("PATH", "/bin"), (AgentSetup::MORE_PATH, more.as_str())];
    let container = Contained::start(&entry, &environment);
    assert_eq!(container.run("gitlab-runner --version").await, "helper --version\n");
    drop(container);

    // An image that has the name keeps its own program.
    let own = image.path().join("bin/gitlab-runner");
    fs::write(&own, "#!/bin/sh\necho own\n").unwrap();
    fs::set_permissions(own, fs::Permissions::from_mode(0o755)).unwrap();
    let container = Contained::start(&entry, &environment);
    assert_eq!(container.run("gitlab-runner --version").await, "own\n");
}

#[test]
fn read_only_volume_is_told() {
    let root = busybox();
    let said = install_inside(&root, &root.entry().read_only());
    assert!(said.contains("/volume is read-only"), "{said}");
    assert!(said.ends_with("code 1\n"), "{said}");
}

#[test]
fn full_volume_is_told_and_keeps_nothing() {
    let root = busybox();
    let said = install_inside(&root, &root.entry().memory("/volume", 1 << 20));
    assert!(said.contains("/volume is full"), "{said}");
    assert!(said.ends_with("code 1\n"), "{said}");
}

#[test]
fn volume_of_another_user_is_told() {
    let root = busybox();
    let said = install_inside(&root, &root.entry().user(1000));
    assert!(said.contains("/volume may not be written to by this user"), "{said}");
    assert!(said.ends_with("code 1\n"), "{said}");
}

#[test]
fn missing_proc_is_told() {
    let root = Rootfs::empty();
    with_agent(&root);
    let (said, code) = run(root.entry().without_proc().command([AGENT, "install", "/fargate"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("mount /proc"), "{said}");
}

#[test]
fn agent_without_a_key_is_still_a_wrong_command_line() {
    let mut command = Command::new(PROGRAM);
    command.env_remove("SSH_PUBLIC_KEY");
    let (said, code) = run(command);
    assert_eq!(code, Some(2));
    assert!(said.contains("--authorized-key"), "{said}");
}
