//! Configuration files, good and bad, and what `check-config` says of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use fargate_test_support::ecs::{EcsDouble, EcsOptions, TaskDefinition};
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::Host;

/// From GitLab's documentation of the driver this one replaces.
const GITLAB_DOCS: &str = r#"LogLevel = "info"
LogFormat = "text"
[Fargate]
  Cluster = "test-cluster"
  Region = "us-east-2"
  Subnet = "subnet-xxxxxx"
  SecurityGroup = "sg-xxxxxxxxxxxxx"
  TaskDefinition = "test-task:1"
  EnablePublicIP = true
[TaskMetadata]
  Directory = "/opt/gitlab-runner/metadata"
[SSH]
  Username = "root"
  Port = 22
"#;

/// From an article of one of its users.
const ARTICLE: &str = r#"[Fargate]
Cluster = "acme-gitlab-dev-cluster"
Region = "eu-west-1"
Subnet = "subnet-12345"
SecurityGroup = "sg-12345"
TaskDefinition = "gitlab-runner-dev-task"
EnablePublicIP = false
[TaskMetadata]
Directory = "/opt/gitlab-runner/metadata"
[SSH]
Username = "root"
Port = 22
"#;

/// A configuration file of its own directory.
struct File {
    directory: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("f.toml"), text).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("f.toml")
    }

    async fn check(&self, flags: &[&str], variables: &[(&str, &str)]) -> Checked {
        check(&self.path(), flags, variables).await
    }
}

async fn check(file: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Checked {
    let output = Command::new(env!("CARGO_BIN_EXE_fargate"))
        .arg("--config")
        .arg(file)
        .args(flags)
        .arg("check-config")
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    Checked(output)
}

#[derive(Debug)]
struct Checked(Output);

impl Checked {
    fn said(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// The words of the line of one setting.
    fn shown(&self, key: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.stdout.clone()).unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(key));
        let line = line.unwrap_or_else(|| panic!("no {key} in\n{text}"));
        line.split("  ")
            .map(|word| word.trim().to_owned())
            .filter(|word| !word.is_empty())
            .collect()
    }

    #[track_caller]
    fn good(self) -> Self {
        assert_eq!((self.0.status.code(), self.said().as_str()), (Some(0), ""));
        self
    }

    /// It fails, and says all of this.
    #[track_caller]
    fn bad(self, words: &[&str]) {
        assert_eq!(self.0.status.code(), Some(1), "{self:?}");
        for word in words {
            assert!(self.said().contains(word), "no {word:?} in\n{}", self.said());
        }
    }
}

#[tokio::test]
async fn files_of_the_go_driver_are_good_as_they_are() {
    for text in [GITLAB_DOCS, ARTICLE] {
        File::new(text).check(&[], &[]).await.good();
    }
}

/// The world a file of the Go driver names.
fn world_of(text: &str) -> EcsOptions {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
        line.trim_start_matches(" = ").trim_matches('"').to_owned()
    };
    let family = value("TaskDefinition").trim_end_matches(":1").to_owned();
    EcsOptions {
        ssh_port: 22,
        cluster: value("Cluster"),
        region: value("Region"),
        subnets: vec![value("Subnet")],
        security_groups: vec![value("SecurityGroup")],
        task_definitions: vec![TaskDefinition::new(&family, &["ci-coordinator"])],
        ..EcsOptions::default()
    }
}

#[tokio::test]
async fn a_job_runs_with_files_of_the_go_driver() {
    for text in [GITLAB_DOCS, ARTICLE] {
        let double = EcsDouble::start(world_of(text)).await;
        // Only the directory differs, so that tests share nothing.
        let mut host = Host::new(&text.replace("/opt/gitlab-runner", "{root}"));
        host.environment = double.env();
        let job = host.job();
        job.config().await.ok();
        job.prepare().await.ok();
        let ended = job.script("echo $SSH_CONNECTION | cut -d ' ' -f 3,4", "build_script").await;
        let task = &double.tasks()[0];
        let address = task.public_address.unwrap_or(task.address);
        assert_eq!(task.public_address.is_some(), text.contains("EnablePublicIP = true"));
        assert_eq!(ended.ok().stdout_text(), format!("{address} 22\n"));
        job.cleanup().await.ok();
        assert_eq!(host.metadata_files(), 0);
    }
}

#[tokio::test]
async fn every_setting_is_shown_with_its_origin() {
    let file = File::new(&format!("{ARTICLE}ConnectTimeout = \"90s\"\n"));
    let variables = [
        ("CUSTOM_ENV_FARGATE_TASK_DEFINITION", "of-variable"),
        ("CUSTOM_ENV_FARGATE_PLATFORM_VERSION", "1.3.0"),
    ];
    let checked = file
        .check(&["--platform-version", "1.4.0", "--log-level", "WARN"], &variables)
        .await
        .good();
    for (key, value, origin) in [
        ("Backend", "\"ecs\"", "default"),
        ("LogLevel", "\"warn\"", "flag --log-level"),
        ("Fargate.Cluster", "\"acme-gitlab-dev-cluster\"", "line 2"),
        ("Fargate.EnablePublicIP", "false", "line 7"),
        (
            "Fargate.TaskDefinition",
            "\"of-variable\"",
            "variable CUSTOM_ENV_FARGATE_TASK_DEFINITION",
        ),
        ("Fargate.PlatformVersion", "\"1.4.0\"", "flag --platform-version"),
        ("SSH.ConnectTimeout", "\"1m 30s\"", "line 13"),
        ("SSH.KeepAliveInterval", "\"15s\"", "default"),
        ("Fargate.Subnets", "-", "not set"),
    ] {
        assert_eq!(checked.shown(key), [key, value, origin]);
    }
}

#[tokio::test]
async fn an_external_id_is_not_shown() {
    let role = "AssumeRole = { Arn = \"arn:aws:iam::1:role/ci\", ExternalId = \"hunter2\" }";
    let file = File::new(&ARTICLE.replace("[TaskMetadata]", &format!("{role}\n[TaskMetadata]")));
    let checked = file.check(&[], &[]).await.good();
    assert!(checked.shown("Fargate.AssumeRole")[1].contains("arn:aws:iam::1:role/ci"));
    assert!(!format!("{checked:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_unknown_key_fails_the_check_and_names_the_nearest_key() {
    let file = File::new(&ARTICLE.replace("SecurityGroup", "SecurtyGroup"));
    let path = file.path().display().to_string();
    file.check(&[], &[]).await.bad(&[
        &format!("{path} line 5: unknown key \"SecurtyGroup\" in [Fargate]"),
        "did you mean \"SecurityGroup\"?",
        "section [Fargate] has no SecurityGroup",
    ]);
    let harmless = File::new(&format!("{ARTICLE}Usrname = \"x\"\n"));
    harmless
        .check(&[], &[])
        .await
        .bad(&["line 13: unknown key \"Usrname\" in [SSH]", "\"Username\""]);
}

#[tokio::test]
async fn bad_files_are_refused_with_file_line_and_key() {
    let both = ARTICLE.replace("[TaskMetadata]", "Subnets = [\"subnet-2\"]\n[TaskMetadata]");
    let doubled = ARTICLE.replace("Region", "Cluster = \"again\"\nRegion");
    let doubled_in_another_case = ARTICLE.replace("Region", "cluster = \"again\"\nRegion");
    let no_section = ARTICLE.replace("[TaskMetadata]\nDirectory", "[Local]\nDirectory");
    let pattern =
        ARTICLE.replace("[TaskMetadata]", "AllowedTaskDefinitions = [\"[\"]\n[TaskMetadata]");
    let two_ways = ARTICLE.replace(
        "[TaskMetadata]",
        "LaunchType = \"FARGATE\"\nCapacityProviders = [{ Name = \"FARGATE\" }]\n[TaskMetadata]",
    );
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "a text as port",
            &ARTICLE.replace("22", "\"22\""),
            &["line 12: SSH.Port must be a whole number"],
        ),
        (
            "a text as flag",
            &ARTICLE.replace("= false", "= \"false\""),
            &["line 7: Fargate.EnablePublicIP must be true or false, without quotes"],
        ),
        (
            "a number as text",
            &ARTICLE.replace("\"subnet-12345\"", "5"),
            &["line 4: Fargate.Subnet must be a text"],
        ),
        (
            "a missing key",
            &ARTICLE.replace("Region = \"eu-west-1\"\n", ""),
            &["line 1: section [Fargate] has no Region", "fix: "],
        ),
        (
            "a missing section",
            &no_section,
            &["line 12: there is no section [TaskMetadata] with Directory"],
        ),
        ("a doubled key", &doubled, &["line 3", "Cluster"]),
        (
            "a doubled key in another case",
            &doubled_in_another_case,
            &["line 3: Fargate.Cluster is set twice, first in line 2"],
        ),
        (
            "an empty file",
            "",
            &["there is no section [Fargate] with Cluster", "[SSH] with Username"],
        ),
        ("no TOML", "{\"Fargate\": 1}", &["line 1: ", "must be TOML"]),
        (
            "Subnet and Subnets",
            &both,
            &["Fargate.Subnet (line 4) and Fargate.Subnets (line 8) exclude each other"],
        ),
        (
            "launch type and providers",
            &two_ways,
            &["Fargate.LaunchType (line 8) and Fargate.CapacityProviders (line 9)"],
        ),
        ("a broken pattern", &pattern, &["Fargate.AllowedTaskDefinitions", "\"[\""]),
    ];
    for (what, text, words) in cases {
        let file = File::new(text);
        let checked = file.check(&[], &[]).await;
        assert!(checked.said().contains("ERROR: "), "{what}: {checked:?}");
        // What contradicts itself is only found when the backend is set up, by lines alone.
        let by_file =
            words.iter().any(|word| word.starts_with("line ") || word.starts_with("there"));
        let path = file.path().display().to_string();
        assert!(!by_file || checked.said().contains(&path), "{what}: {checked:?}");
        checked.bad(words);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    check(Path::new("/nonexistent/f.toml"), &[], &[])
        .await
        .bad(&["/nonexistent/f.toml", "--config"]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    check(directory.path(), &[], &[]).await.bad(&[&path]);
    let binary = directory.path().join("binary");
    fs::write(&binary, b"\xff\xfe\x00").unwrap();
    check(&binary, &[], &[]).await.bad(&["binary", "UTF-8"]);
}

#[tokio::test]
async fn the_local_backend_needs_nothing() {
    File::new("Backend = \"local\"\n").check(&[], &[("HOME", "/nonexistent")]).await.good();
}

#[tokio::test]
async fn an_unknown_key_is_only_a_warning_to_a_job() {
    let host = Host::new(
        "Backend = \"local\"\nVolumes = [\"/data\"]\n[Local]\nDirectroy = \"x\"\n\
         Directory = \"{root}/local\"\n[TaskMetadata]\nDirectory = \"{root}/metadata\"\n",
    );
    let job = host.job();
    let config = job.config().await.ok();
    let answer: serde_json::Value = serde_json::from_slice(&config.stdout).unwrap();
    assert_eq!(answer["driver"]["name"], "fargate");
    let prepare = job.prepare().await.ok();
    let prepare = prepare.says("line 2: unknown key").says("did you mean \"Directory\"?");
    assert_eq!(prepare.stderr.matches("unknown key").count(), 2, "{}", prepare.stderr);
    let run = job.script("echo ran", "build_script").await.ok();
    assert_eq!(run.stdout_text(), "ran\n");
    let cleanup = job.cleanup().await.ok();
    // Once per job is enough.
    for stderr in [config.stderr, run.stderr, cleanup.stderr] {
        assert_eq!(stderr, "");
    }
}

#[tokio::test]
async fn a_bad_file_ends_every_stage_as_a_system_failure() {
    let host = Host::new("[Fargate]\nCluster = 7\n");
    let job = host.job();
    let script = job.write_script(b"true");
    let run = ["run", script.to_str().unwrap(), "build_script"];
    for stage in [&["config"][..], &["prepare"], &run, &["cleanup"]] {
        let ended = job.stage(stage).await.failed_as(crate::harness::SYSTEM_FAILURE);
        assert!(ended.stdout.is_empty(), "{ended:?}");
        ended.says("line 2: Fargate.Cluster must be a text in quotes");
    }
}
