//! What holds after every failure, and the doubles these tests use.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use fargate_test_support::ecs::{EcsDouble, EcsOptions, StateDelays, TaskView};

use crate::harness::{Ended, Host, SYSTEM_FAILURE, alive, eventually};

/// What must never be shown: the job's token, a key, and what [`SECRET_SCRIPT`] says.
pub(crate) const SECRETS: [&str; 3] = ["hunter2", "PRIVATE KEY", "correct-horse-battery"];

/// A script with something to hide.
pub(crate) const SECRET_SCRIPT: &str = "PASSWORD=correct-horse-battery; test -n \"$PASSWORD\"";

/// Tasks that show their address as soon as they are accepted.
pub(crate) fn quick() -> EcsOptions {
    let state_delays = StateDelays { provisioning: Duration::ZERO, ..StateDelays::default() };
    EcsOptions { state_delays, ..EcsOptions::default() }
}

/// A double with [`quick`] tasks.
pub(crate) async fn quick_double() -> EcsDouble {
    EcsDouble::start(quick()).await
}

/// Changes the text of a host's configuration.
pub(crate) fn rewrite(host: &Host, from: &str, to: &str) {
    let path = host.directory.path().join("fargate.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "no {from:?} in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Lets a host use every subnet of the double.
pub(crate) fn use_all_subnets(host: &Host, double: &EcsDouble) {
    let subnets = &double.options().subnets;
    rewrite(host, &format!("Subnet = \"{}\"", subnets[0]), &format!("Subnets = {subnets:?}"));
}

/// How often `op` was called.
pub(crate) fn calls(double: &EcsDouble, op: &str) -> u64 {
    double.calls().get(op).copied().unwrap_or(0)
}

/// How often any operation was called.
pub(crate) fn all_calls(double: &EcsDouble) -> u64 {
    double.calls().values().sum()
}

/// The one task that was ever started.
#[track_caller]
pub(crate) fn only_task(double: &EcsDouble) -> TaskView {
    let mut tasks = double.tasks();
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    tasks.remove(0)
}

/// No task runs and no file is left.
pub(crate) async fn nothing_left(double: &EcsDouble, host: &Host) {
    eventually("the end of every task", || double.running() == 0).await;
    assert_eq!(host.metadata_files(), 0, "a file is left");
}

/// The error of a stage that failed as the system's failure, checked for form.
///
/// One report with a remedy, in plain words, each said once, no secret among them.
#[track_caller]
pub(crate) fn report(ended: &Ended) -> String {
    assert_eq!(ended.code, Some(SYSTEM_FAILURE), "{ended:#?}");
    let text = &ended.stderr;
    assert_eq!(text.matches("ERROR: ").count(), 1, "one report in\n{text}");
    let report = &text[text.find("ERROR: ").unwrap_or(0)..];
    assert!(report.contains("\n  fix: "), "no remedy in\n{text}");
    for noise in ["Some(", "None", "Err(", "Error {", "Kind", "panicked", "unwrap", "\\\"", "\\n"] {
        assert!(!text.contains(noise), "{noise:?} in\n{text}");
    }
    no_secret(ended);
    let mut said = BTreeSet::new();
    for part in report.split(['\n', ';']).flat_map(|line| line.split(": ")) {
        let part = part.trim();
        assert!(part.len() < 24 || said.insert(part), "{part:?} is said twice in\n{text}");
    }
    report.to_owned()
}

/// Asserts that a report has every one of these words.
#[track_caller]
pub(crate) fn tells(ended: &Ended, words: &[&str]) {
    let report = report(ended);
    for word in words {
        assert!(report.contains(word), "no {word:?} in\n{report}");
    }
}

/// Asserts that nothing of [`SECRETS`] was shown.
#[track_caller]
pub(crate) fn no_secret(ended: &Ended) {
    for secret in SECRETS {
        assert!(!ended.stderr.contains(secret), "{secret:?} in\n{}", ended.stderr);
        assert!(!ended.stdout_text().contains(secret), "{secret:?} in\n{}", ended.stdout_text());
    }
}

/// Waits until every process of a host's local tasks is gone, and their directories with them.
pub(crate) async fn nothing_left_locally(host: &Host) {
    eventually("the end of every process", || local_processes(host).is_empty()).await;
    let tasks = fs::read_dir(host.directory.path().join("local/tasks"));
    let left: Vec<_> = tasks
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        // One without a record never became a task; later launches tidy it away.
        .filter(|path| path.join("task.json").exists())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(host.metadata_files(), 0, "a file is left");
}

/// The agents of a host's local tasks.
pub(crate) fn local_agents(host: &Host) -> Vec<u32> {
    let is_agent = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).nth(1) == Some(b"agent")
    };
    local_processes(host).into_iter().filter(is_agent).collect()
}

/// Every process whose environment names the host's directory.
fn local_processes(host: &Host) -> Vec<u32> {
    let root = host.directory.path().to_str().unwrap().as_bytes();
    let is_ours = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(root.len()).any(|part| part == root) && alive(*pid)
    };
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_ours).collect()
}

/// A script of which every process ignores TERM: shell, child and grandchild.
///
/// It writes their process ids, one a line, into `file`.
pub(crate) fn stubborn_script(file: &Path) -> String {
    let file = file.display();
    format!(
        "trap '' TERM\n\
         (trap '' TERM; sleep 301 & echo $! >>{file}.part; wait) &\n\
         echo $! >>{file}.part; echo $$ >>{file}.part\n\
         until [ \"$(wc -l <{file}.part)\" -eq 3 ]; do sleep 0.05; done\n\
         mv {file}.part {file}\n\
         while :; do sleep 1; done\n"
    )
}

/// The process ids a [`stubborn_script`] wrote, once it has.
pub(crate) async fn pids_in(file: &Path) -> Vec<u32> {
    eventually("the script's process ids", || file.exists()).await;
    let text = fs::read_to_string(file).unwrap();
    let pids: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 3, "{text:?}");
    assert!(pids.iter().all(|pid| alive(*pid)), "{pids:?}");
    pids
}
