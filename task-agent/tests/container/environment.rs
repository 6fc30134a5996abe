//! What the agent takes from its environment, and what it leaves of that to its commands.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use fargate_core::{AgentSetup, TaskImage, TaskService, host_proof};
use fargate_test_support::rootfs::Rootfs;

use crate::common::{AGENT, Contained, any_key, busybox, run};

/// A root with hosts as a runtime writes them.
fn root_with_hosts() -> Rootfs {
    let root = busybox();
    root.directory("/etc", 0o755);
    fs::write(root.path().join("etc/hosts"), "127.0.0.1 localhost\n").expect("writes");
    root
}

#[tokio::test]
async fn nothing_that_is_meant_for_the_agent_reaches_a_script() {
    let root = root_with_hosts();
    let environment = [
        ("PATH", "/bin"),
        ("CI", "true"),
        (host_proof::VARIABLE, "s3cret"),
        (AgentSetup::LISTEN, "127.0.0.1:0"),
        (AgentSetup::HOSTS, "db"),
        (AgentSetup::UMASK, "022"),
        (AgentSetup::MORE_PATH, "/more"),
    ];
    let container = Contained::start(&root.entry(), &environment);
    let said = container.run("env | sort").await;
    let names = said.lines().filter_map(|line| Some(line.split_once('=')?.0));
    // The shell itself adds the others.
    let passed: Vec<_> = names.filter(|name| !matches!(*name, "PWD" | "SHLVL" | "_")).collect();
    assert_eq!(passed, ["CI", "HOME", "PATH"], "{said}");
    assert!(said.contains("PATH=/bin:/more\n"), "{said}");
}

#[tokio::test]
async fn a_script_cannot_read_the_secret_from_the_agents_process() {
    let read = "tr '\\0' '\\n' </proc/1/environ | grep SECRET; id -u; [ -r /proc/self/environ ] && echo own";
    let secret = (host_proof::VARIABLE, "s3cret");
    for user in [0, 1000] {
        let root = busybox();
        let container = Contained::start(&root.entry().user(user), &[("PATH", "/bin"), secret]);
        let said = container.run(read).await;
        assert!(said.contains("Permission denied"), "{said}");
        assert!(said.starts_with(&format!("{user}\nown\n")), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    // Without a secret nothing is closed, so the look is at the right place.
    let root = busybox();
    let container = Contained::start(&root.entry(), &[("PATH", "/bin"), ("A_SECRET", "none")]);
    assert_eq!(container.run(read).await, "A_SECRET=none\n0\nown\n");
}

#[tokio::test]
async fn names_of_services_resolve_and_are_added_once() {
    let root = root_with_hosts();
    let environment = [("PATH", "/bin"), (AgentSetup::HOSTS, "db tutum__wordpress")];
    for _start in 0..2 {
        let container = Contained::start(&root.entry(), &environment);
        let said = container.run("cat /etc/hosts").await;
        assert_eq!(said, "127.0.0.1 localhost\n127.0.0.1 db\n127.0.0.1 tutum__wordpress\n");
    }
}

#[test]
fn hosts_that_cannot_be_written_to_are_told_and_the_agent_goes_on() {
    let root = root_with_hosts();
    fs::write(root.path().join("etc/hosts"), "127.0.0.1 localhost\n127.0.0.1 web\n").unwrap();
    for entry in [root.entry().read_only(), root.entry().user(1000)] {
        let words = [AGENT, "--listen", "127.0.0.1:0", "--deadline", "1s"];
        let mut command = entry.command(words);
        command.env("SSH_PUBLIC_KEY", any_key()).env(AgentSetup::HOSTS, "db web cache");
        let (said, code) = run(command);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("/etc/hosts cannot be written to"), "{said}");
        assert!(said.contains("do not resolve: db cache."), "{said}");
        assert!(said.contains("listening"), "{said}");
    }
}

#[tokio::test]
async fn files_are_made_with_the_mask_the_agent_was_given() {
    let root = busybox();
    let mode = |mask: &'static str| {
        let environment = [("PATH", "/bin"), (AgentSetup::UMASK, mask)];
        Contained::start(&root.entry(), &environment)
    };
    for (mask, file, directory) in [("000", 0o666, 0o777), ("077", 0o600, 0o700)] {
        let container = mode(mask);
        let said = container.run(&format!("umask; >/tmp/f{mask}; mkdir /tmp/d{mask}")).await;
        assert_eq!(said, format!("0{mask}\n"));
        let made = |name: String| {
            let there = fs::metadata(root.path().join("tmp").join(name)).expect("made");
            there.permissions().mode() & 0o777
        };
        assert_eq!((made(format!("f{mask}")), made(format!("d{mask}"))), (file, directory));
    }
}

#[test]
fn wrong_values_are_wrong_arguments() {
    let root = root_with_hosts();
    let table = [
        (AgentSetup::HOSTS, "db 10.0.0.1/8", "\"10.0.0.1/8\" is no host name"),
        (AgentSetup::UMASK, "888", "give an octal number"),
        (AgentSetup::LISTEN, "everywhere", "invalid socket address"),
    ];
    for (name, value, words) in table {
        let mut command = root.entry().command([AGENT]);
        command.env("SSH_PUBLIC_KEY", any_key()).env(name, value);
        let (said, code) = run(command);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn check_of_a_service_runs_as_the_core_writes_it() {
    let root = busybox();
    let container = Contained::start(&root.entry(), &[("PATH", "/bin")]);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let service = TaskService::new("db", TaskImage::new("postgres:16")).port(port);
    let mut setup = AgentSetup::new("agent:1");
    setup.service_timeout = Duration::from_secs(1);
    let check = setup.service_check(&service).unwrap();
    let check = String::from_utf8_lossy(&check.script).into_owned();
    let script = format!("( {check} ) 2>/dev/null; echo $?");
    assert_eq!(container.run(&script).await, "0\n");
    drop(server);
    assert_eq!(container.run(&script).await, "1\n");
}
