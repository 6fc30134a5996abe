//! `fargate try` and `fargate check-config` with pods.

use std::fs;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::checks::rewrite;
use crate::eks_ways::{WAYS, nothing_left, reached_by, set};
use crate::harness::{Ended, Host, alive, ended, eventually};

/// The driver with these arguments, as a person calls it.
fn command(host: &Host, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fargate"));
    command
        .arg("--config")
        .arg(host.directory.path().join("fargate.toml"))
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", host.directory.path())
        .env("TMPDIR", host.directory.path())
        .current_dir(host.directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn try_job(host: &Host, script: &str) -> Command {
    let file = host.directory.path().join("job.sh");
    fs::write(&file, script).unwrap();
    command(host, &["try", file.to_str().unwrap()])
}

async fn check_config(host: &Host) -> Ended {
    ended(command(host, &["check-config"]).spawn().unwrap()).await
}

#[tokio::test]
async fn a_script_is_tried_in_a_pod_over_each_way() {
    for way in WAYS {
        let (double, host) = reached_by(way).await;
        let tried = ended(try_job(&host, "echo out; echo err >&2; exit 7").spawn().unwrap()).await;
        let tried = tried.failed_as(7).says("err\n").says("Starting a pod of registry.example.com");
        assert_eq!(tried.stdout_text(), "out\n", "{way}");
        assert_eq!(double.pods().len(), 1);
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn an_interrupted_try_leaves_no_pod_over_any_way() {
    for way in WAYS {
        let (double, host) = reached_by(way).await;
        let file = host.directory.path().join("pid");
        let script = format!("echo $$ >{0}.part; mv {0}.part {0}; sleep 3600", file.display());
        let child = try_job(&host, &script).spawn().unwrap();
        eventually("the start of the script", || file.exists()).await;
        let pid = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(child.id().unwrap().cast_signed()).unwrap(), Signal::INT)
            .unwrap();
        ended(child).await.failed_as(130).says("cleanup ");
        assert!(!alive(pid), "{way}");
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn trouble_with_the_cluster_has_its_own_exit_code() {
    let (double, host) = reached_by("exec").await;
    set(&host, "Namespace = \"nowhere\"");
    let failed = ended(try_job(&host, "exit 0").spawn().unwrap()).await.failed_as(125);
    failed.says("namespaces \"nowhere\" not found").says("create the namespace nowhere");
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn check_config_shows_the_settings_of_pods_and_asks_nobody() {
    let (double, host) = reached_by("port-forward").await;
    set(&host, "Labels = { team = \"a\" }");
    let shown = check_config(&host).await.ok();
    let text = shown.stdout_text();
    for (key, value) in [
        ("Backend", "eks"),
        ("EKS.Namespace", "ci"),
        ("EKS.Connect", "port-forward"),
        ("EKS.Memory", "2Gi"),
        ("EKS.Labels", "team"),
        ("EKS.Cluster", "not set"),
    ] {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(key));
        assert!(line.is_some_and(|line| line.contains(value)), "{key} {value} in\n{text}");
    }
    assert!(double.calls().is_empty(), "{:?}", double.calls());
}

#[tokio::test]
async fn check_config_complains_about_settings_that_cannot_work() {
    for (line, word) in [
        ("Connect = \"telnet\"", "Connect"),
        ("Namespace = \"No_Label\"", "Namespace"),
        ("Namespace = \"\"", "Namespace"),
        ("Memory = \"many\"", "Memory"),
        ("CPU = 99", "no size"),
        ("Labels = { \"a b\" = \"c\" }", "label"),
        ("EphemeralStorage = \"900Gi\"", "EphemeralStorage"),
        ("Cluster = \"ci\"", "exclude each other"),
        ("Namespaces = \"ci\"", "Namespaces"),
        ("Region = 7", "Region"),
    ] {
        let (double, host) = reached_by("exec").await;
        set(&host, line);
        let checked = check_config(&host).await.failed_as(1);
        assert!(checked.stderr.contains(word), "{line}: no {word:?} in\n{}", checked.stderr);
        assert!(double.calls().is_empty(), "{:?}", double.calls());
    }
    let (_double, host) = reached_by("exec").await;
    rewrite(&host, "  Namespace = \"ci\"\n", "");
    check_config(&host).await.failed_as(1).says("[EKS] has no Namespace");
}
