//! What a setting of section [EKS] does to the pod that is asked for.

use std::process::Output;

use fargate_test_support::eks::{EksDouble, EksOptions};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::checks::rewrite;
use crate::harness::Host;

/// A host for the double with more lines in section [EKS].
fn host(double: &EksDouble, lines: &str) -> Host {
    let host = Host::eks(double);
    rewrite(&host, "[EKS]\n", &format!("[EKS]\n{lines}\n"));
    host
}

/// The spec of the pod of a job that was prepared and cleaned up.
async fn spec_of(double: &EksDouble, lines: &str) -> Value {
    let host = host(double, lines);
    let job = host.job();
    job.prepare().await.ok();
    job.cleanup().await.ok();
    double.pods().pop().expect("a pod").json["spec"].clone()
}

async fn check_config(host: &Host) -> (Output, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fargate"))
        .arg("--config")
        .arg(host.directory.path().join("fargate.toml"))
        .arg("check-config")
        .env_clear()
        .output()
        .await
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    (output, shown, said)
}

#[tokio::test]
async fn a_pod_lives_as_long_as_its_job_may_or_shorter_if_that_is_set() {
    let double = EksDouble::start(EksOptions::default()).await;
    // The job's timeout is ten minutes, and an hour goes on top.
    for (lines, seconds) in
        [("", 4200), ("DeadlineSeconds = 90", 90), ("DeadlineSeconds = 86400", 4200)]
    {
        assert_eq!(spec_of(&double, lines).await["activeDeadlineSeconds"], seconds, "{lines}");
    }
}

#[tokio::test]
async fn tolerations_reach_the_pod() {
    let double = EksDouble::start(EksOptions::default()).await;
    let lines = r#"Tolerations = [
        { Key = "ci", Value = "yes", Effect = "noschedule" },
        { Key = "spare", Operator = "Exists" },
        { Key = "empty", Operator = "Equal" },
    ]"#;
    let spec = spec_of(&double, lines).await;
    let tolerations = spec["tolerations"].as_array().unwrap();
    for wanted in [
        json!({"key": "ci", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}),
        json!({"key": "spare", "operator": "Exists"}),
        json!({"key": "empty", "operator": "Equal", "value": ""}),
    ] {
        assert!(tolerations.contains(&wanted), "{wanted} in {tolerations:?}");
    }
}

#[tokio::test]
async fn check_config_shows_what_jobs_may_run_and_for_how_long() {
    let double = EksDouble::start(EksOptions::default()).await;
    let host = host(
        &double,
        "AllowedImages = [\"alpine:*\", \"r.example.com/**\"]\nDeadlineSeconds = 7200\n\
         Tolerations = [{ Key = \"ci\", Effect = \"NoExecute\" }]",
    );
    let (output, shown, said) = check_config(&host).await;
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    for (key, value, line) in [
        ("EKS.AllowedImages", "[\"alpine:*\", \"r.example.com/**\"]", 3),
        ("EKS.DeadlineSeconds", "7200", 4),
        ("EKS.Tolerations", "[{ Key = \"ci\", Effect = \"NoExecute\" }]", 5),
        ("EKS.DefaultImage", "\"registry.example.com/ci:7\"", 8),
    ] {
        let row = shown.lines().find(|row| row.split(' ').next() == Some(key)).unwrap();
        let words: Vec<_> =
            row.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
        assert_eq!(words, [key, value, &format!("line {line}")]);
    }
}

#[tokio::test]
async fn check_config_names_what_the_cluster_would_refuse() {
    let double = EksDouble::start(EksOptions::default()).await;
    for (lines, word) in [
        ("AllowedImages = [\"[\"]", "EKS.AllowedImages: \"[\" is no pattern"),
        ("AllowedImages = [\"a/**:1\"]", "** stands alone"),
        ("DeadlineSeconds = 10", "line 3: EKS.DeadlineSeconds must be a whole number from 60"),
        ("Tolerations = [{ Value = \"x\" }]", "line 3: EKS.Tolerations must be a table whose Key"),
        ("Tolerations = [{ Key = \"a b\" }]", "the toleration of \"a b\""),
    ] {
        let (output, _, said) = check_config(&host(&double, lines)).await;
        assert_eq!(output.status.code(), Some(1), "{lines}");
        assert!(said.contains(word), "no {word:?} in\n{said}");
    }
}
