//! The agent in a root file system that it enters by itself.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use fargate_test_support::rootfs::Rootfs;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::common::{Contained, PATIENCE, any_key, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fargate-agent");

/// A root, and a directory of this user's for the layer and a copy of the agent.
struct Place {
    root: Rootfs,
    own: TempDir,
}

impl Place {
    fn of(user: u32) -> Self {
        let (root, own) = (Rootfs::busybox(), tempfile::tempdir().expect("a directory"));
        let agent = own.path().join("agent");
        fs::copy(PROGRAM, &agent).expect("a copy");
        for path in [own.path(), &agent] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
        }
        chown(own.path(), Some(user), Some(user)).expect("its owner");
        Self { root, own }
    }

    /// `before`, then the agent with its root.
    fn command(&self, before: &[&str]) -> Command {
        let agent = self.own.path().join("agent");
        // env(1) leaves the environment as it is.
        let mut command = Command::new("env");
        command.args(before).arg(agent);
        command.arg("--root").arg(self.root.path()).arg("--layer").arg(self.layer());
        command.args(["--listen", "127.0.0.1:0", "--deadline", "10m"]);
        command
    }

    fn layer(&self) -> PathBuf {
        self.own.path().join("layer")
    }

    fn start(&self, before: &[&str]) -> Contained {
        Contained::start_command(self.command(before))
    }
}

const AS_USER: [&str; 4] = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];

/// What holds for root and for everybody else alike.
async fn inside_there_is_nothing_of_this_machine(place: &Place, agent: &Contained) {
    let own = place.own.path().display();
    for (command, expected) in [
        ("id -u; pwd; echo $HOME", "0\n/root\n/root\n"),
        ("[ $(ls /proc | grep -c '^[0-9]') -lt 6 ] && echo few processes", "few processes\n"),
        ("ls -d /tmp /root /builds /cache /dev/null /dev/shm /proc/self | wc -l", "7\n"),
        (
            &format!("ls -l /proc/self/fd 2>/dev/null | grep {own} || echo nothing open"),
            "nothing open\n",
        ),
        ("echo hello >/dev/null && (echo >/dev/full) 2>/dev/null || echo full", "full\n"),
        ("echo new >/new && cat /new", "new\n"),
        (
            &format!("ls {own} 2>/dev/null || ls /proc/1/root{own} 2>/dev/null || echo none"),
            "none\n",
        ),
        ("cat /proc/1/environ 2>/dev/null || echo closed", "closed\n"),
        ("mkdir -p /x && mount -t tmpfs none /x 2>/dev/null || echo refused", "refused\n"),
        ("mknod /x/null c 1 3 2>/dev/null || echo refused", "refused\n"),
        ("(echo 1 >/proc/sys/vm/drop_caches) 2>/dev/null || echo refused", "refused\n"),
    ] {
        assert_eq!(agent.run(command).await, expected, "{command}");
    }
    let resolv = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert_eq!(agent.run("cat /etc/resolv.conf").await, resolv);
    assert!(!place.root.path().join("new").exists() && place.layer().join("upper/new").exists());
}

#[tokio::test]
async fn root_enters_a_root_and_takes_nothing_of_this_machine_along() {
    let place = Place::of(0);
    let agent = place.start(&[]);
    inside_there_is_nothing_of_this_machine(&place, &agent).await;
    // Files of the image are changed in the layer, and the owner's other users exist.
    agent.run("rm /bin/wget; chown 1234 /bin/busybox; chmod 700 /tmp").await;
    assert!(place.root.path().join("bin/wget").is_symlink());
    let busybox = fs::metadata(place.root.path().join("bin/busybox")).unwrap();
    assert_eq!(busybox.uid(), 0);
    assert_eq!(agent.run("ls /bin/wget 2>/dev/null; stat -c %u /bin/busybox").await, "1234\n");
}

#[tokio::test]
async fn user_without_rights_enters_a_root_in_a_user_namespace() {
    let place = Place::of(1000);
    let agent = place.start(&AS_USER);
    inside_there_is_nothing_of_this_machine(&place, &agent).await;
    let new = fs::metadata(place.layer().join("upper/new")).unwrap();
    assert_eq!(new.uid(), 1000);
}

#[test]
fn kernel_that_allows_no_namespaces_is_told_with_what_would_help() {
    let place = Place::of(0);
    // Limits of user namespaces are those of the namespace they are asked for in.
    let forbidden = r#"echo 0 >/proc/sys/user/max_user_namespaces
        exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@""#;
    let mut command =
        place.command(&["unshare", "--user", "--map-root-user", "sh", "-c", forbidden, "sh"]);
    command.env("SSH_PUBLIC_KEY", any_key());
    let (said, code) = run(command);
    assert_eq!(code, Some(1), "{said}");
    for part in ["could not make a user namespace", "max_user_namespaces", "run as root"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn root_that_is_not_there_or_has_no_shell_is_told() {
    let place = Place::of(0);
    fs::remove_dir_all(place.root.path().join("bin")).unwrap();
    let mut command = place.command(&[]);
    command.env("SSH_PUBLIC_KEY", any_key());
    let (said, code) = run(command);
    // The code is the inner agent's own.
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("no sh that this user may run"), "{said}");

    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0", "--root", "/nonexistent", "--layer"]);
    command.arg(place.layer()).env("SSH_PUBLIC_KEY", any_key());
    let (said, code) = run(command);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("find the directory /nonexistent"), "{said}");
}

/// Whether anything of that command line is left on this machine.
fn runs(word: &str) -> bool {
    fs::read_dir("/proc").expect("proc").flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word)
    })
}

#[tokio::test]
async fn end_of_the_agent_outside_is_the_end_of_everything_inside() {
    for (number, signal, code) in [(1, Signal::TERM, Some(0)), (2, Signal::KILL, None)] {
        let place = Place::of(0);
        let mut agent = place.start(&[]);
        let word = format!("7{}{number}", std::process::id());
        agent.run(&format!("env -i setsid sleep {word} >/dev/null 2>&1 &")).await;
        assert!(runs(&word));
        kill_process(Pid::from_raw(agent.agent.id().cast_signed()).unwrap(), signal).unwrap();
        assert_eq!(agent.agent.wait(), code, "{signal:?}");
        let until = tokio::time::Instant::now() + PATIENCE;
        while runs(&word) {
            assert!(tokio::time::Instant::now() < until, "{signal:?}: it still runs");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
