//! Scripts of every shape arrive as they are, and only whole.

mod common;

use std::fs;
use std::time::Duration;

use fargate_core::{ErrorKind, ExecRequest, ExitStatus, Interpreter};

use common::{known, run, server, try_run};

#[tokio::test]
async fn every_exit_code_is_the_scripts_own() {
    let (sshd, exec) = server();
    let at = known(&sshd);
    let mut jobs = tokio::task::JoinSet::new();
    for first in 0..8 {
        let (exec, at) = (exec.clone(), at.clone());
        jobs.spawn(async move {
            for code in (first..256).step_by(8) {
                let script = format!("printf %s {code}; exit {code}");
                let (status, out) = run(&exec, &at, ExecRequest::script(script)).await;
                assert_eq!(status, ExitStatus::Code(code));
                assert_eq!(out.stdout_text(), code.to_string());
            }
        });
    }
    while let Some(job) = jobs.join_next().await {
        job.unwrap();
    }
}

#[tokio::test]
async fn the_interpreter_is_the_one_asked_for() {
    let (sshd, exec) = server();
    let at = known(&sshd);
    // What runs this, by its own name.
    let script = "tr '\\0' ' ' </proc/$$/cmdline | cut -d ' ' -f 1";
    for (interpreter, expected) in [
        (Interpreter::BashOrSh, "bash\n"),
        (Interpreter::Bash, "bash\n"),
        (Interpreter::Sh, "sh\n"),
    ] {
        let request = ExecRequest::script(script).interpreter(interpreter);
        let (status, out) = run(&exec, &at, request).await;
        assert_eq!((status, out.stdout_text().as_str()), (ExitStatus::Code(0), expected));
    }
    // A task without bash.
    fs::create_dir(sshd.home().join("bin")).unwrap();
    for tool in ["sh", "cat", "wc", "rm", "tr", "cut"] {
        let target = ["/bin", "/usr/bin"].map(|dir| format!("{dir}/{tool}"));
        let target = target.iter().find(|file| fs::exists(file).unwrap()).unwrap();
        std::os::unix::fs::symlink(target, sshd.home().join("bin").join(tool)).unwrap();
    }
    fs::write(sshd.home().join(".bashrc"), "PATH=$HOME/bin").unwrap();
    let (status, out) = run(&exec, &at, ExecRequest::script(script)).await;
    assert_eq!((status, out.stdout_text().as_str()), (ExitStatus::Code(0), "sh\n"));
    let request = ExecRequest::script(script).interpreter(Interpreter::Bash);
    let (status, _) = run(&exec, &at, request).await;
    assert_eq!(status, ExitStatus::Code(127));
}

#[tokio::test]
async fn the_script_sees_an_ordinary_environment() {
    let (sshd, exec) = server();
    let script = "umask; ls /proc/$$/fd >$HOME/fds; sort -n $HOME/fds | tr '\\n' ' '; echo; \
                  echo \"$#\"; env | cut -d = -f 1 | sort | tr '\\n' ' '";
    let (status, out) = run(&exec, &known(&sshd), ExecRequest::script(script)).await;
    assert_eq!(status, ExitStatus::Code(0));
    let text = out.stdout_text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "0022");
    // 9 holds the script's text, 255 is bash's own way to read it.
    assert_eq!(lines[1], "0 1 2 9 255 ");
    assert_eq!(lines[2], "0");
    let known = "HOME LOGNAME MAIL OLDPWD PATH PWD SHELL SHLVL SSH_CLIENT SSH_CONNECTION TEST_SSHD USER _ LANG LC_ALL";
    for name in lines[3].split_whitespace() {
        assert!(known.split(' ').any(|known| known == name), "{name} is not the server's");
    }
}

#[tokio::test]
async fn nothing_is_left_on_disk_even_after_kill() {
    let (sshd, exec) = server();
    let at = known(&sshd);
    fs::create_dir(sshd.home().join("tmp")).unwrap();
    fs::write(sshd.home().join(".bashrc"), "export TMPDIR=$HOME/tmp").unwrap();
    let (status, out) = run(&exec, &at, ExecRequest::script("ls -A $TMPDIR; kill -KILL $$")).await;
    assert_eq!(status, ExitStatus::Signal("KILL".to_owned()));
    assert_eq!(out.stdout_text(), "");
    assert_eq!(fs::read_dir(sshd.home().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_empty_script_and_a_single_byte_run() {
    let (sshd, exec) = server();
    for script in ["", "\n", ":"] {
        let (status, out) = run(&exec, &known(&sshd), ExecRequest::script(script)).await;
        assert_eq!(status, ExitStatus::Code(0));
        assert!(out.stdout.is_empty() && out.stderr.is_empty());
    }
}

#[tokio::test]
async fn thirty_megabytes_of_script_run() {
    let (sshd, exec) = server();
    let mut script = "# padding that does nothing but take up room in the script\n".repeat(500_000);
    script.push_str("echo end; exit 4");
    let (status, out) = run(&exec, &known(&sshd), ExecRequest::script(script)).await;
    assert_eq!(status, ExitStatus::Code(4));
    assert_eq!(out.stdout, b"end\n");
}

#[tokio::test]
async fn noise_of_the_login_shell_passes_and_confuses_nobody() {
    let (sshd, exec) = server();
    fs::write(sshd.home().join(".bashrc"), "echo out noise; printf 'no end' ; echo err >&2")
        .unwrap();
    let (status, out) =
        run(&exec, &known(&sshd), ExecRequest::script("echo mine; echo e >&2; exit 2")).await;
    assert_eq!(status, ExitStatus::Code(2));
    assert_eq!(out.stdout_text(), "out noise\nno endmine\n");
    assert_eq!(out.stderr_text(), "err\ne\n");
}

#[tokio::test]
async fn a_missing_temporary_directory_is_gone_around() {
    let (sshd, exec) = server();
    fs::write(sshd.home().join(".bashrc"), "export TMPDIR=/nonexistent/place").unwrap();
    let (status, out) = run(&exec, &known(&sshd), ExecRequest::script("echo fine")).await;
    assert_eq!((status, out.stdout_text().as_str()), (ExitStatus::Code(0), "fine\n"));
}

#[tokio::test]
async fn a_script_that_cannot_be_stored_never_runs() {
    let (sshd, exec) = server();
    // The limit on file sizes stands for a full disk: writing ends half-way.
    fs::write(sshd.home().join(".bashrc"), "ulimit -f 64").unwrap();
    let script = format!("echo ran\n{}", "# padding\n".repeat(200_000));
    let (result, out) = try_run(&exec, &known(&sshd), ExecRequest::script(script)).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed, "{error:?}");
    assert!(error.message().contains("could not be stored"), "{error:?}");
    assert!(error.context_value("reason").is_some());
    assert!(out.stdout.is_empty(), "{}", out.stdout_text());
}

#[tokio::test]
async fn a_dropped_call_runs_no_half_script() {
    let (sshd, exec) = server();
    // The shell starts late, so the call is dropped while the script is on its way.
    fs::write(sshd.home().join(".bashrc"), "echo shell up; sleep 1").unwrap();
    let mark = sshd.home().join("ran");
    let script = format!("touch {}\n{}", mark.display(), "# padding\n".repeat(8 << 20));
    let at = known(&sshd);
    let (seen, up) = tokio::sync::oneshot::channel();
    let mut seen = Some(seen);
    let mut sink = common::Each(|_, _| {
        if let Some(seen) = seen.take() {
            seen.send(()).unwrap();
        }
        async { Ok(()) }
    });
    use fargate_core::RemoteExec;
    tokio::select! {
        done = exec.exec(&at, ExecRequest::script(script), &mut sink) => panic!("{done:?}"),
        up = up => up.unwrap(),
    }
    fs::write(sshd.home().join(".bashrc"), "").unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!mark.exists(), "a part of the script ran");
    let (status, _) =
        run(&exec, &at, ExecRequest::script(format!("touch {}", mark.display()))).await;
    assert!(status.is_success() && mark.exists(), "the mark can be made at all");
}
