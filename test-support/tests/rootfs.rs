//! Processes in a root file system of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use fargate_test_support::rootfs::{Entry, Rootfs};

/// What the script prints on both streams.
fn says(entry: &Entry, script: &str) -> String {
    let mut command = entry.command(["/bin/sh", "-c", &format!("exec 2>&1; {script}")]);
    let output = command.env_clear().env("PATH", "/bin").output().expect("unshare starts");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn process_is_the_first_one_and_sees_its_root_alone() {
    let root = Rootfs::busybox();
    let said = says(&root.entry(), "echo $$ $(id -u); ls -x /; ls /proc | grep -c '^[0-9]'");
    assert_eq!(said.lines().next(), Some("1 0"), "{said}");
    assert_eq!(said.lines().nth(1).map(|line| line.split_whitespace().count()), Some(4), "{said}");
    let processes: u32 = said.lines().nth(2).and_then(|count| count.parse().ok()).expect("a count");
    assert!(processes < 10, "the machine's processes show: {said}");
}

#[test]
fn devices_of_a_container_are_there_for_every_user() {
    let root = Rootfs::busybox();
    let script = "echo gone >/dev/null; head -c 3 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; \
                  echo x | cat /dev/fd/0; echo y >/dev/full";
    let said = says(&root.entry().user(1000), script);
    assert!(said.starts_with("3\n5\nx\n"), "{said}");
    assert!(said.contains("No space left"), "{said}");
}

#[test]
fn read_only_root_takes_nothing_but_volumes_may() {
    let root = Rootfs::busybox();
    let volumes = [tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another")];
    for (volume, target) in volumes.iter().zip(["/in", "/out"]) {
        root.directory(target, 0o755);
        let everybody = fs::Permissions::from_mode(0o777);
        fs::set_permissions(volume.path(), everybody).expect("its mode");
    }
    let entry = root.entry().user(1000).read_only().memory("/tmp", 1 << 20);
    let entry = entry.volume(volumes[0].path(), "/in", false);
    let entry = entry.volume(volumes[1].path(), "/out", true);
    let said = says(&entry, "for d in / /in /out /tmp; do touch $d/new && echo $d takes; done");
    assert_eq!(said.matches("Read-only file system").count(), 2, "{said}");
    assert!(said.ends_with("/out takes\n/tmp takes\n"), "{said}");
    assert!(volumes[1].path().join("new").is_file(), "what is in a volume stays");
}

#[test]
fn what_was_mounted_is_gone_with_the_process() {
    let root = Rootfs::busybox();
    let path = root.path().display().to_string();
    let inside = says(&root.entry().memory("/tmp", 1 << 20), "cat /proc/mounts");
    assert!(inside.contains(" /tmp tmpfs"), "{inside}");
    let outside = fs::read_to_string("/proc/self/mounts").expect("mounts");
    assert!(!outside.contains(&path), "{outside}");
}

#[test]
fn with_shared_pids_the_process_is_the_commands_child() {
    let root = Rootfs::busybox();
    let mut command = root.entry().shared_pids().command(["/bin/sh", "-c", "echo $$"]);
    let child = command.stdout(Stdio::piped()).spawn().expect("unshare starts");
    let id = child.id();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{id}\n"));
}
