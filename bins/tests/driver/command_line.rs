//! What the program prints: to GitLab Runner, into logs, and to whoever asks for help.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::harness::{Host, Job};

/// A local host with more lines at the top of its file.
fn host(lines: &str) -> Host {
    Host::new(&format!(
        "Backend = \"local\"\n{lines}\n[Local]\nDirectory = \"{{root}}/local\"\n\
         [TaskMetadata]\nDirectory = \"{{root}}/metadata\"\n"
    ))
}

async fn fargate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fargate")).args(args).env_clear().output().await.unwrap()
}

async fn printed(args: &[&str]) -> String {
    let output = fargate(args).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stderr, b"", "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn config_answers_with_one_json_object() {
    for (lines, shell) in
        [("", None), ("Shell = \"sh\"", Some("sh")), ("Shell = \"BASH\"", Some("bash"))]
    {
        let host = host(lines);
        let job = host.job();
        for _ in 0..2 {
            let config = job.config().await.ok();
            assert_eq!(config.stderr, "");
            assert!(config.stdout.ends_with(b"}\n"));
            let answer: Value = serde_json::from_slice(&config.stdout).unwrap();
            let driver = json!({ "name": "fargate", "version": env!("CARGO_PKG_VERSION") });
            assert_eq!(answer["driver"], driver);
            assert!(answer["hostname"].is_string());
            assert_eq!(answer.get("shell").and_then(Value::as_str), shell);
        }
    }
}

/// The shell setting is what reads the script, too.
#[tokio::test]
async fn the_configured_shell_reads_the_script() {
    let host = host("Shell = \"sh\"");
    let job = host.job();
    job.prepare().await.ok();
    let script = b"readlink /proc/$$/exe; echo \"${BASH_VERSION:-none}\"";
    let of_sh = job.raw_script(script, "build_script").await.ok().stdout_text();
    let sh = fs::canonicalize("/bin/sh").unwrap();
    assert_eq!(of_sh.lines().next(), sh.to_str());
    job.cleanup().await.ok();
}

/// Two stages of a job that log something, and what they wrote to stderr.
async fn logged(job: &Job<'_>) -> String {
    let mut stderr = job.config().await.ok().stderr;
    stderr += &job.prepare().await.ok().stderr;
    let run = job.script("echo out; echo err >&2", "build_script").await.ok();
    assert_eq!(run.stdout_text(), "out\n");
    stderr += &run.stderr;
    stderr + &job.cleanup().await.ok().stderr
}

#[tokio::test]
async fn the_log_goes_into_its_file_and_the_job_log_stays_plain() {
    for by_flag in [false, true] {
        let host =
            host(if by_flag { "" } else { "LogFile = \"{root}/log\"\nLogLevel = \"debug\"" });
        let log = host.directory.path().join("log");
        let mut job = host.job();
        if by_flag {
            let path = log.display().to_string();
            job.flags = vec!["--debug".into(), "--log-file".into(), path];
        }
        let stderr = logged(&job).await;
        assert!(!stderr.contains("DEBUG"), "{stderr}");
        assert!(stderr.contains("Starting a task on this machine\n"), "{stderr}");
        let text = fs::read_to_string(&log).unwrap();
        assert!(text.contains("DEBUG") && text.contains("running a script"), "{text}");
        assert!(!text.contains("echo out"), "a script's body is nobody's business: {text}");
        let mode = fs::metadata(&log).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
}

#[tokio::test]
async fn each_log_format_is_what_it_says() {
    let lines_of = async |format: &str| {
        let host = host(&format!("LogFile = \"{{root}}/log\"\nLogFormat = \"{format}\""));
        let mut job = host.job();
        job.flags = vec!["--debug".into()];
        logged(&job).await;
        let text = fs::read_to_string(host.directory.path().join("log")).unwrap();
        assert!(!text.contains('\x1b'), "colours in a file: {text:?}");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let json = lines_of("json").await;
    assert!(!json.is_empty());
    for line in json {
        let value: Value = serde_json::from_str(&line).unwrap();
        assert!(value["level"].is_string() && value["timestamp"].is_string(), "{line}");
    }
    let text = lines_of("text").await;
    assert!(!text.is_empty());
    assert!(
        text.iter().all(|line| line.starts_with("20") && line.contains("fargate_")),
        "{text:?}"
    );
    let simple = lines_of("text-simple").await;
    assert!(!simple.is_empty());
    for line in simple {
        let level = line.split_whitespace().next().unwrap();
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line}");
    }
}

#[tokio::test]
async fn a_quiet_level_keeps_warnings_out() {
    let host = host("Volumes = 1");
    let mut job = host.job();
    job.prepare().await.ok().says("unknown key \"Volumes\"");
    job.cleanup().await.ok();
    job.flags = vec!["--log-level".into(), "error".into()];
    let quiet = job.prepare().await.ok();
    assert!(!quiet.stderr.contains("Volumes"), "{}", quiet.stderr);
    job.cleanup().await.ok();
    job.flags = vec!["--log-level".into(), "loud".into()];
    let refused = job.config().await.failed_as(crate::harness::SYSTEM_FAILURE);
    refused.says("\"loud\" is not one of trace, debug, info, warn, error");
}

#[tokio::test]
async fn the_version_is_told() {
    let expected = format!("fargate {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-v"] {
        assert_eq!(printed(&[flag]).await, expected);
    }
}

#[tokio::test]
async fn help_shows_every_command_and_examples() {
    for flag in ["--help", "-h"] {
        let help = printed(&[flag]).await;
        for word in
            ["custom", "try", "check-config", "completions", "man", "--config", "--task-def"]
        {
            assert!(help.contains(word), "no {word} in\n{help}");
        }
        assert!(help.contains("Examples:\n  fargate try job.sh"), "{help}");
        assert!(help.contains("prepare_exec"), "{help}");
    }
    let custom = printed(&["custom", "--help"]).await;
    for stage in ["config", "prepare", "run", "cleanup"] {
        assert!(custom.contains(&format!("\n  {stage} ")), "{custom}");
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_a_usage_error() {
    for args in [&[][..], &["nonsense"], &["custom"], &["custom", "run"], &["try"], &["--nonsense"]]
    {
        let output = fargate(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Usage"), "{output:?}");
        assert!(output.stdout.is_empty());
    }
}

/// Whether `bash` takes the text as a program.
async fn bash_understands(text: &str) -> bool {
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    bash.wait().await.unwrap().success()
}

#[tokio::test]
async fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]).await;
        for word in ["check-config", "cleanup", "task-def"] {
            assert!(script.contains(word), "no {word} for {shell}");
        }
    }
    assert!(bash_understands(&printed(&["completions", "bash"]).await).await);
    assert_eq!(fargate(&["completions", "cobol"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn the_manual_is_a_page_or_one_per_command() {
    let page = printed(&["man"]).await;
    assert!(page.contains(".TH fargate 1"), "{page}");
    for section in ["NAME", "SYNOPSIS", "OPTIONS", "SUBCOMMANDS"] {
        assert!(page.contains(&format!(".SH {section}")), "{page}");
    }
    assert!(page.contains("Examples:"));

    let directory = tempfile::tempdir().unwrap();
    printed(&["man", directory.path().to_str().unwrap()]).await;
    for name in ["fargate.1", "fargate-try.1", "fargate-check-config.1", "fargate-custom-run.1"] {
        let page = fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    let missing = fargate(&["man", "/nonexistent/directory"]).await;
    assert_eq!(missing.status.code(), Some(1));
}
