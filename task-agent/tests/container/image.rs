//! What the agent needs of an image, and what it says when something is missing.

use std::fs;

use fargate_test_support::binaries;
use fargate_test_support::rootfs::Rootfs;

use crate::common::{AGENT, Contained, any_key, busybox, run, with_agent};

/// What names the program that loads another one's libraries; elf(5).
const PT_INTERP: u32 = 3;

/// The types of an ELF file's program headers.
fn segments(file: &[u8]) -> Vec<u32> {
    assert_eq!(file[..6], *b"\x7fELF\x02\x01", "64 bits, little-endian");
    let number = |at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    let first = u64::from_le_bytes(file[32..40].try_into().expect("8 bytes"));
    let (size, count) = (number(54), number(56));
    let headers = file[usize::try_from(first).expect("an offset")..].chunks(size).take(count);
    headers.map(|header| u32::from_le_bytes(header[..4].try_into().expect("4 bytes"))).collect()
}

#[test]
fn static_agent_needs_no_loader() {
    let agent = fs::read(binaries::static_agent()).unwrap();
    assert!(!segments(&agent).contains(&PT_INTERP));
    // The ordinary one does, so the look is at the right place.
    let ordinary = fs::read(env!("CARGO_BIN_EXE_fargate-agent")).unwrap();
    assert!(segments(&ordinary).contains(&PT_INTERP));
}

#[tokio::test]
async fn agent_is_a_good_first_process() {
    let root = busybox();
    let mut container = Contained::start(&root.entry(), &[("PATH", "/bin")]);
    assert_eq!(container.run("echo $PPID; id -u").await, "1\n0\n");
    let orphan = container.run("sh -c 'sleep 0.2 >/dev/null 2>&1 & echo $!'").await;
    let orphan = orphan.trim();
    let collected = format!("while [ -e /proc/{orphan} ]; do sleep 0.1; done; echo collected");
    assert_eq!(container.run(&collected).await, "collected\n");
    container.run("setsid sleep 600 >/dev/null 2>&1 &").await;
    assert_eq!(container.agent.stop(), Some(0));
}

#[tokio::test]
async fn user_without_a_home_starts_in_the_root_directory() {
    let root = busybox();
    let container = Contained::start(&root.entry().user(1000), &[("PATH", "/bin")]);
    assert_eq!(container.run("id -u; pwd; echo $HOME").await, "1000\n/\n/\n");
}

#[tokio::test]
async fn user_who_may_not_enter_the_home_starts_in_the_root_directory() {
    let root = busybox();
    root.directory("/root", 0o700);
    let environment = [("PATH", "/bin"), ("HOME", "/root")];
    let container = Contained::start(&root.entry().user(1000), &environment);
    // The variable is the image's business.
    assert_eq!(container.run("pwd; echo $HOME").await, "/\n/root\n");
}

#[tokio::test]
async fn image_without_a_path_gets_the_usual_one() {
    let root = busybox();
    let container = Contained::start(&root.entry(), &[]);
    let said = container.run("echo $PATH; which sed; echo ${SSH_PUBLIC_KEY-unset}").await;
    assert_eq!(
        said,
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n/bin/sed\nunset\n"
    );
}

#[tokio::test]
async fn shell_elsewhere_on_the_path_serves() {
    let root = Rootfs::empty();
    with_agent(&root);
    root.directory("/busybox", 0o755);
    root.program("/bin/busybox".as_ref(), "/busybox/sh");
    let container = Contained::start(&root.entry(), &[("PATH", "/nowhere:/busybox")]);
    assert_eq!(container.run("exec sh -c 'echo $0'").await, "sh\n");
}

#[test]
fn image_without_a_shell_is_told_by_an_exit_code_of_its_own() {
    let root = Rootfs::empty();
    with_agent(&root);
    let mut command = root.entry().command([AGENT, "--listen", "127.0.0.1:0"]);
    command.env("SSH_PUBLIC_KEY", any_key());
    let (said, code) = run(command);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("no sh that this user may run"), "{said}");
}

#[test]
fn state_directory_that_cannot_be_written_to_is_named() {
    let root = busybox();
    let words = [AGENT, "--listen", "127.0.0.1:0", "--state-dir", "/fargate"];
    for entry in [root.entry().read_only(), root.entry().user(1000)] {
        let mut command = entry.command(words);
        command.env("SSH_PUBLIC_KEY", any_key());
        let (said, code) = run(command);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("/fargate cannot be used"), "{said}");
    }
}

#[tokio::test]
async fn container_without_proc_runs_commands() {
    let root = busybox();
    let container = Contained::start(&root.entry().without_proc(), &[("PATH", "/bin")]);
    assert_eq!(container.run("echo ran").await, "ran\n");
}
