//! GitLab Runner, as far as a driver can see it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fargate_bins::try_job::stage_script;
use fargate_test_support::ecs::EcsDouble;
use fargate_test_support::eks::EksDouble;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Not the runner's own 1 and 2, to show that the driver uses what it is told.
pub(crate) const BUILD_FAILURE: i32 = 113;
pub(crate) const SYSTEM_FAILURE: i32 = 114;
/// A hang guard, not a speed goal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The stages of a whole job, in the runner's order, between prepare and cleanup.
pub(crate) const RUN_STAGES: [&str; 9] = [
    "prepare_script",
    "get_sources",
    "restore_cache",
    "download_artifacts",
    "build_script",
    "after_script",
    "archive_cache",
    "upload_artifacts_on_success",
    "cleanup_file_variables",
];

/// How a stage ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn failed_as(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in\n{}", self.stderr);
        self
    }
}

/// Where the tests of one runner live: its configuration and its metadata.
pub(crate) struct Host {
    pub(crate) directory: TempDir,
    pub(crate) environment: Vec<(String, String)>,
}

impl Host {
    /// A host whose driver has this configuration; `{root}` stands for the host's directory.
    pub(crate) fn new(config: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("fargate-host-").tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        fs::write(directory.path().join("fargate.toml"), config.replace("{root}", root)).unwrap();
        Self { directory, environment: Vec::new() }
    }

    /// A host for the local backend.
    pub(crate) fn local() -> Self {
        Self::new(
            "Backend = \"local\"\n[Local]\nDirectory = \"{root}/local\"\n\
                   [TaskMetadata]\nDirectory = \"{root}/metadata\"\n",
        )
    }

    /// A host for the ECS double, with more lines for section [Fargate].
    pub(crate) fn ecs(double: &EcsDouble, more: &str) -> Self {
        let subnet = double.options().subnets[0].clone();
        let group = double.options().security_groups[0].clone();
        let mut host = Self::new(&format!(
            "LogLevel = \"info\"\nLogFormat = \"text\"\n[Fargate]\n  Cluster = \"{}\"\n  \
             Region = \"{}\"\n  Subnet = \"{subnet}\"\n  SecurityGroup = \"{group}\"\n  \
             TaskDefinition = \"test-task\"\n  EnablePublicIP = false\n{more}\n\
             [TaskMetadata]\n  Directory = \"{{root}}/metadata\"\n\
             [SSH]\n  Username = \"root\"\n  Port = {}\n",
            double.options().cluster,
            double.region(),
            double.options().ssh_port,
        ));
        host.environment = double.env();
        host
    }

    /// A host for the EKS double.
    pub(crate) fn eks(double: &EksDouble) -> Self {
        Self::new(&format!(
            "Backend = \"eks\"\n[EKS]\n  Kubeconfig = {:?}\n  Namespace = \"ci\"\n  \
             DefaultImage = \"registry.example.com/ci:7\"\n  CPU = 1\n  Memory = \"2Gi\"\n\
             [TaskMetadata]\n  Directory = \"{{root}}/metadata\"\n[SSH]\n  Port = {}\n",
            double.kubeconfig(),
            double.options().ssh_port,
        ))
    }

    /// Runs the program itself with this host's configuration, as an operator would.
    pub(crate) async fn program(&self, args: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fargate"));
        command
            .arg("--config")
            .arg(self.directory.path().join("fargate.toml"))
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        ended(command.spawn().unwrap()).await
    }

    pub(crate) fn metadata(&self) -> PathBuf {
        self.directory.path().join("metadata")
    }

    /// How many files the stages of all jobs have left.
    pub(crate) fn metadata_files(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.metadata()) else { return 0 };
        entries.filter(|entry| entry.as_ref().unwrap().path().is_file()).count()
    }

    /// A new job that says this after `image:`.
    pub(crate) fn job_with_image(&self, image: serde_json::Value) -> Job<'_> {
        let job = self.job();
        job.respond("image", image);
        job
    }

    /// A new job.
    pub(crate) fn job(&self) -> Job<'_> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = u64::from(std::process::id()) * 100_000 + NEXT.fetch_add(1, Ordering::Relaxed);
        Job::new(self, id)
    }
}

/// One job of a host: the directory and the environment of its stages.
pub(crate) struct Job<'a> {
    pub(crate) host: &'a Host,
    pub(crate) id: u64,
    pub(crate) directory: TempDir,
    pub(crate) variables: Vec<(String, String)>,
    /// Flags before `custom`.
    pub(crate) flags: Vec<String>,
}

impl<'a> Job<'a> {
    fn new(host: &'a Host, id: u64) -> Self {
        let directory = tempfile::Builder::new().prefix("custom-executor").tempdir().unwrap();
        let response = json!({
            "id": id,
            "token": "job-token-hunter2",
            "job_info": { "name": "test", "stage": "test", "project_id": 5, "project_name": "app" },
            "git_info": { "repo_url": "https://gitlab-ci-token:job-token-hunter2@gitlab.example/a/app.git" },
            "runner_info": { "timeout": 600 },
            "variables": [],
        });
        fs::write(directory.path().join("response.json"), response.to_string()).unwrap();
        Self { host, id, directory, variables: Vec::new(), flags: Vec::new() }
    }

    /// Sets a job variable, as a job's author can.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((format!("CUSTOM_ENV_{name}"), value.to_owned()));
    }

    /// Puts a field into what GitLab says of the job.
    pub(crate) fn respond(&self, field: &str, value: serde_json::Value) {
        let file = self.directory.path().join("response.json");
        let mut response: serde_json::Value =
            serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        response[field] = value;
        fs::write(file, response.to_string()).unwrap();
    }

    pub(crate) fn exit_code_file(&self) -> PathBuf {
        self.directory.path().join("build_exit_code")
    }

    /// What the driver told the runner about the script's exit code.
    pub(crate) fn exit_code(&self) -> Option<String> {
        fs::read_to_string(self.exit_code_file()).ok()
    }

    /// The driver with these arguments after `custom`, as the runner would call it.
    pub(crate) fn command(&self, stage: &[&str]) -> Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fargate"));
        let path = |name: &str| self.directory.path().join(name);
        command
            .arg("--config")
            .arg(self.host.directory.path().join("fargate.toml"))
            .args(&self.flags)
            .arg("custom")
            .args(stage)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.host.directory.path())
            .envs(self.host.environment.iter().map(|(name, value)| (name, value)))
            .env("TMPDIR", self.directory.path())
            .env("BUILD_FAILURE_EXIT_CODE", BUILD_FAILURE.to_string())
            .env("SYSTEM_FAILURE_EXIT_CODE", SYSTEM_FAILURE.to_string())
            .env("BUILD_EXIT_CODE_FILE", self.exit_code_file())
            .env("JOB_RESPONSE_FILE", path("response.json"))
            .env("CUSTOM_ENV_CI_JOB_ID", self.id.to_string())
            .env("CUSTOM_ENV_CI_JOB_SERVICES", "")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        command
    }

    pub(crate) fn spawn(&self, stage: &[&str]) -> Child {
        self.command(stage).spawn().unwrap()
    }

    pub(crate) async fn stage(&self, stage: &[&str]) -> Ended {
        ended(self.spawn(stage)).await
    }

    pub(crate) async fn config(&self) -> Ended {
        self.stage(&["config"]).await
    }

    pub(crate) async fn prepare(&self) -> Ended {
        self.stage(&["prepare"]).await
    }

    /// Fails prepare as the author's error with these words, and leaves no record.
    pub(crate) async fn is_refused(&self, words: &[&str]) {
        let mut ended = self.prepare().await.failed_as(BUILD_FAILURE).says("fix: ");
        for word in words {
            ended = ended.says(word);
        }
        assert_eq!(self.host.metadata_files(), 0);
    }

    pub(crate) async fn cleanup(&self) -> Ended {
        self.stage(&["cleanup"]).await
    }

    /// Writes a script file as it is.
    pub(crate) fn write_script(&self, bytes: &[u8]) -> PathBuf {
        let directory = tempfile::Builder::new()
            .prefix("script")
            .tempdir_in(self.directory.path())
            .unwrap()
            .keep();
        let path = directory.join("script");
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs `body` in the shape of a script the runner writes.
    pub(crate) async fn script(&self, body: &str, stage: &str) -> Ended {
        self.script_with(body, &[], stage).await
    }

    /// The same with these variables, which the runner has every script export.
    pub(crate) async fn script_with(
        &self,
        body: &str,
        variables: &[(String, String)],
        stage: &str,
    ) -> Ended {
        self.raw_script(&stage_script(body.as_bytes(), variables), stage).await
    }

    /// Runs exactly these bytes.
    pub(crate) async fn raw_script(&self, bytes: &[u8], stage: &str) -> Ended {
        let file = self.write_script(bytes);
        self.stage(&["run", text(&file), stage]).await
    }

    /// Starts `body` and returns at once.
    pub(crate) fn start_script(&self, body: &str, stage: &str) -> Child {
        let file = self.write_script(&stage_script(body.as_bytes(), &[]));
        self.spawn(&["run", text(&file), stage])
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits for a stage's end and takes all it wrote.
pub(crate) async fn ended(child: Child) -> Ended {
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("no hang").unwrap();
    Ended {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Signals a stage's process group, as the runner does.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs");
    kill_process_group(pid, signal).unwrap();
}

/// Whether a process runs; a zombie does not.
pub(crate) fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit(')').next()?.trim().chars().next())
        .is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(tokio::time::Instant::now() < until, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
