//! Hosts whose jobs run in pods, for each way into them.

use std::fs;

use fargate_test_support::ecs::TaskProgram;
use fargate_test_support::eks::{EksDouble, EksOptions};

use crate::harness::{Host, Job, eventually};

/// The words of `Connect`.
pub(crate) const WAYS: [&str; 3] = ["ssh", "port-forward", "exec"];

/// Pods as `way` needs them: only commands through the API do without an SSH server.
pub(crate) fn options(way: &str) -> EksOptions {
    let program = if way == "exec" { TaskProgram::Command } else { TaskProgram::Sshd };
    EksOptions { program, ..EksOptions::default() }
}

/// A double, and a host that reaches its pods by `way`.
pub(crate) async fn reached_by(way: &str) -> (EksDouble, Host) {
    reached(way, options(way)).await
}

/// The same with a double of one's own.
pub(crate) async fn reached(way: &str, options: EksOptions) -> (EksDouble, Host) {
    let double = EksDouble::start(options).await;
    let host = Host::eks(&double);
    set(&host, &format!("Connect = {way:?}"));
    (double, host)
}

/// Puts a line into section `[EKS]`, instead of one that sets the same key.
pub(crate) fn set(host: &Host, line: &str) {
    let file = host.directory.path().join("fargate.toml");
    let text = fs::read_to_string(&file).unwrap();
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let (before, rest) = text.split_once("[EKS]\n").expect("section [EKS]");
    let (section, after) = rest.split_once('[').expect("a section after it");
    let others = section.lines().filter(|have| key(have) != key(line));
    let section: String = others.chain([line]).map(|line| format!("{line}\n")).collect();
    fs::write(&file, format!("{before}[EKS]\n{section}[{after}")).unwrap();
}

/// Limits the wait of prepare.
pub(crate) fn start_timeout(host: &Host, timeout: &str) {
    let file = host.directory.path().join("fargate.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}[Fargate]\n  StartTimeout = {timeout:?}\n")).unwrap();
}

/// Uses a file of this text as the pod template.
pub(crate) fn use_template(host: &Host, text: &str) {
    let file = host.directory.path().join("pod.yaml");
    fs::write(&file, text).unwrap();
    set(host, &format!("PodTemplate = {:?}", file.display().to_string()));
}

/// Starts a script that touches a file once it runs, and waits for that.
pub(crate) async fn started(job: &Job<'_>, body: &str) -> tokio::process::Child {
    let up = job.directory.path().join("up");
    let script = job.start_script(&format!("touch {}; {body}", up.display()), "build_script");
    eventually("the start of the script", || up.exists()).await;
    fs::remove_file(up).unwrap();
    script
}

/// Starts a script that runs until it is ended, and returns the id of its process.
pub(crate) async fn endless(job: &Job<'_>) -> (tokio::process::Child, u32) {
    let file = job.directory.path().join("pid");
    let body = format!("echo $$ >{0}.part; mv {0}.part {0}; sleep 3600", file.display());
    let script = job.start_script(&body, "build_script");
    eventually("the start of the script", || file.exists()).await;
    let pid = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    fs::remove_file(file).unwrap();
    (script, pid)
}

/// How often a call was made.
pub(crate) fn calls(double: &EksDouble, call: &str) -> u64 {
    double.calls().get(call).copied().unwrap_or(0)
}

/// No pod is there and no file is left.
pub(crate) async fn nothing_left(double: &EksDouble, host: &Host) {
    eventually("the end of every pod", || double.running() == 0).await;
    assert_eq!(host.metadata_files(), 0, "a file is left");
}
