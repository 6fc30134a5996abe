//! `fargate try`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use fargate_test_support::ecs::{EcsDouble, EcsOptions};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::harness::{Ended, Host, alive, ended, eventually};

/// Where one call of `fargate try` lives.
struct Room {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Room {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("fargate-room-").tempdir().unwrap();
        for name in ["tmp", "home", "work"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory, environment: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fargate"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path("work"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Tries a script that comes from a file.
    fn spawn(&self, script: &[u8], more: &[&str]) -> Child {
        fs::write(self.path("job.sh"), script).unwrap();
        let file = self.path("job.sh").display().to_string();
        self.command(&[more, &["try", &file]].concat()).spawn().unwrap()
    }

    async fn run(&self, script: &[u8]) -> Ended {
        ended(self.spawn(script, &[])).await
    }

    /// No process and no file is left.
    async fn is_clean(&self) {
        let left: Vec<_> = marked_below(&self.path("tmp"));
        assert!(left.is_empty(), "processes {left:?}");
        for name in ["tmp", "home", "work"] {
            let left: Vec<_> = fs::read_dir(self.path(name)).unwrap().flatten().collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

/// The living processes of any local task whose directory is below `root`.
fn marked_below(root: &Path) -> Vec<u32> {
    let marker = format!("FARGATE_TASK={}/", root.display());
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(marker.as_bytes()))
        })
        .collect()
}

/// The content of a file that a script writes.
async fn written(path: &Path) -> String {
    let read = || fs::read_to_string(path).unwrap_or_default();
    eventually("the script's file", || read().ends_with('\n')).await;
    read().trim().to_owned()
}

#[tokio::test]
async fn only_the_scripts_own_output_is_on_stdout() {
    let room = Room::new();
    let ended = room.run(b"printf 'to stdout \xff'; echo 'to stderr' >&2").await.ok();
    assert_eq!(ended.stdout, b"to stdout \xff");
    let ended = ended.says("to stderr\n").says("Running on ").says("Ready for commands");
    let phases = ended.stderr.lines().last().unwrap();
    assert!(phases.starts_with("Phases: config "), "{phases}");
    for phase in ["prepare ", "prepare_script ", "build_script ", "cleanup "] {
        assert!(phases.contains(phase), "{phases}");
    }
    room.is_clean().await;
}

#[tokio::test]
async fn the_scripts_exit_code_is_ours() {
    let room = Room::new();
    for code in [7, 1, 2, 125, 130, 255] {
        let ended = room.run(format!("echo ran; exit {code}").as_bytes()).await;
        assert_eq!(ended.stdout_text(), "ran\n");
        ended.failed_as(code).says(&format!("build_script ended with exit code {code}\n"));
    }
    room.run(b"kill -KILL $$").await.failed_as(137).says("signal KILL");
    room.is_clean().await;
}

#[tokio::test]
async fn a_script_can_come_from_standard_input() {
    let room = Room::new();
    let mut child = room.command(&["try", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"echo \"from stdin\"; cat; exit 7").await.unwrap();
    drop(stdin);
    let ended = ended(child).await.failed_as(7);
    assert_eq!(ended.stdout_text(), "from stdin\n");
    room.is_clean().await;
}

#[tokio::test]
async fn the_first_failing_command_ends_the_script() {
    let room = Room::new();
    let ended = room.run(b"echo one\nfalse\necho two\n").await.failed_as(1);
    assert_eq!(ended.stdout_text(), "one\n");
    let ended = room.run(b"false | true\necho not reached\n").await.failed_as(1);
    assert_eq!(ended.stdout_text(), "");
    let ended = room.run(b"false || true\nif false; then :; fi\necho reached\n").await.ok();
    assert_eq!(ended.stdout_text(), "reached\n");
}

#[tokio::test]
async fn variables_arrive_as_they_are_given() {
    let room = Room::new();
    let values = [
        "it's \"quoted\"",
        "two\nlines\n",
        "$HOME `id` $(id) \\ \\n",
        "",
        "a=b=c",
        "ünïcode \u{1f680}",
        "--flag",
    ];
    let mut args: Vec<String> = Vec::new();
    let mut script = String::new();
    for (at, value) in values.iter().enumerate() {
        args.extend(["--env".to_owned(), format!("V{at}={value}")]);
        script += &format!("printf '[%s]' \"$V{at}\"\n");
    }
    script += "printf '[%s]' \"$CI\"\n";
    fs::write(room.path("job.sh"), &script).unwrap();
    let file = room.path("job.sh").display().to_string();
    let args: Vec<_> = ["try", &file].into_iter().chain(args.iter().map(String::as_str)).collect();
    let ended = ended(room.command(&args).spawn().unwrap()).await.ok();
    let expected: String =
        values.iter().chain(&["true"]).map(|value| format!("[{value}]")).collect();
    assert_eq!(ended.stdout_text(), expected);

    for bad in ["NAME", "=x", "1A=x", "A B=x"] {
        let child = room.command(&["try", &file, "--env", bad]).spawn().unwrap();
        crate::harness::ended(child).await.failed_as(2);
    }
    room.is_clean().await;
}

#[tokio::test]
async fn what_is_no_script_is_refused_before_anything_starts() {
    let room = Room::new();
    let missing = room.command(&["try", "/nonexistent/job.sh"]).spawn().unwrap();
    let refused = ended(missing).await.failed_as(125);
    let refused = refused.says("/nonexistent/job.sh").says("No such file");
    assert!(!refused.stderr.contains("Starting"), "{}", refused.stderr);
    let refused = room.run(b"echo one\0two").await.failed_as(125).says("zero byte");
    assert_eq!(refused.stdout, b"");
    let directory = room.directory.path().display().to_string();
    ended(room.command(&["try", &directory]).spawn().unwrap()).await.failed_as(125);
    room.is_clean().await;
}

#[tokio::test]
async fn a_daemon_of_the_script_does_not_outlive_it() {
    let room = Room::new();
    let ended =
        room.run(b"setsid sleep 3600 > /dev/null 2>&1 & echo $!; nohup sleep 3600 & echo $!").await;
    let ended = ended.ok();
    let pids: Vec<u32> = ended.stdout_text().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    assert!(!pids.iter().any(|pid| alive(*pid)), "{pids:?}");
    room.is_clean().await;
}

/// Interrupts a running script, as a terminal does: only the process in the foreground is told,
/// for every stage has a process group of its own.
async fn interrupt(room: &Room, flags: &[&str]) -> Ended {
    let pids = room.path("pids");
    let script = format!(
        "trap '' INT\nsetsid sleep 3600 > /dev/null 2>&1 &\necho $$ $! > '{0}.new'\n\
         mv '{0}.new' '{0}'\nsleep 3600\necho survived\n",
        pids.display()
    );
    let child = room.spawn(script.as_bytes(), flags);
    let pids: Vec<u32> = written(&pids).await.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.iter().all(|pid| alive(*pid)));
    let this = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(this, Signal::INT).unwrap();
    let ended = ended(child).await;
    assert!(!ended.stdout_text().contains("survived"));
    let all_gone = || !pids.iter().any(|pid| alive(*pid));
    eventually("the end of the script's processes", all_gone).await;
    ended
}

#[tokio::test]
async fn an_interrupt_ends_the_script_and_cleans_up() {
    let room = Room::new();
    let ended = interrupt(&room, &[]).await.failed_as(130);
    ended.says("cleanup ");
    room.is_clean().await;
}

#[tokio::test]
async fn an_interrupt_while_the_task_starts_leaves_nothing() {
    let room = Room::new();
    for delay in [0, 20, 50, 100, 200] {
        let child = room.spawn(b"sleep 3600", &[]);
        tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
        let this = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
        kill_process(this, Signal::INT).unwrap();
        // Before the handler is there, the signal itself ends the process.
        let code = ended(child).await.code;
        assert!(matches!(code, Some(130) | None), "{code:?}");
        room.is_clean().await;
    }
}

#[tokio::test]
async fn a_script_runs_on_the_configured_backend() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    let mut room = Room::new();
    room.environment.clone_from(&host.environment);
    let config = host.directory.path().join("fargate.toml").display().to_string();
    let flags = ["--config", config.as_str()];
    let run = ended(room.spawn(b"echo $SSH_CONNECTION | cut -d ' ' -f 3; exit 7", &flags)).await;
    let run = run.failed_as(7);
    assert_eq!(run.stdout_text(), format!("{}\n", double.tasks()[0].address));
    eventually("the end of the task", || double.running() == 0).await;

    interrupt(&room, &flags).await.failed_as(130);
    eventually("the end of every task", || double.running() == 0).await;
    assert_eq!(double.tasks().len(), 2);
    assert_eq!(host.metadata_files(), 0);
    fs::remove_file(room.path("pids")).unwrap();
    room.is_clean().await;
}

#[tokio::test]
async fn trouble_of_the_infrastructure_has_its_own_exit_code() {
    let double = EcsDouble::start(EcsOptions::default()).await;
    let host = Host::ecs(&double, "");
    let mut room = Room::new();
    room.environment.clone_from(&host.environment);
    let file = host.directory.path().join("fargate.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("test-cluster", "no-such-cluster")).unwrap();
    let config = file.display().to_string();
    let failed = ended(room.spawn(b"exit 0", &["--config", &config])).await.failed_as(125);
    failed.says("no-such-cluster").says("ERROR: ");

    let missing = ended(room.spawn(b"exit 0", &["--config", "/nonexistent.toml"])).await;
    missing.failed_as(125).says("/nonexistent.toml");
    room.is_clean().await;
}
