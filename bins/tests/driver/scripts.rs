//! Scripts of every kind, and how they end.

use std::fs;

use crate::harness::{BUILD_FAILURE, Ended, Job, RUN_STAGES, alive, ended, eventually};
use crate::place::{Place, on_both_backends};

on_both_backends!(
    a_script_of_five_mebibytes,
    a_script_without_a_last_newline,
    bytes_that_are_not_utf8,
    a_script_that_reads_its_input_finds_the_end,
    the_shells_own_features,
    a_script_that_a_signal_ends,
    a_background_process_lives_on_until_cleanup,
    every_stage_name_is_accepted,
    a_stale_exit_code_is_forgotten,
);

async fn a_script_of_five_mebibytes(place: &Place) {
    let lines: String = (0..160_000).map(|line| format!("{line:032x}\n")).collect();
    assert!(lines.len() > 5 << 20);
    let job = place.prepared().await;
    let ended = job.script(&format!("cat <<'END'\n{lines}END\n"), "build_script").await.ok();
    assert!(ended.stdout == lines.as_bytes(), "{} bytes came back", ended.stdout.len());
    place.finish(job).await;
}

async fn a_script_without_a_last_newline(place: &Place) {
    let job = place.prepared().await;
    let ended = job.raw_script(b"echo one\nprintf two", "build_script").await.ok();
    assert_eq!(ended.stdout, b"one\ntwo");
    place.finish(job).await;
}

async fn bytes_that_are_not_utf8(place: &Place) {
    let script = b"printf '%s' '\xff\xfe\x80'; printf '%s' '\xc3\x28' >&2; exit 3";
    let job = place.prepared().await;
    let file = job.write_script(script);
    let child = job.spawn(&["run", file.to_str().unwrap(), "build_script"]);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(BUILD_FAILURE));
    assert_eq!(output.stdout, b"\xff\xfe\x80");
    assert_eq!(output.stderr, b"\xc3\x28");
    assert_eq!(job.exit_code().as_deref(), Some("3\n"));
    place.finish(job).await;
}

async fn a_script_that_reads_its_input_finds_the_end(place: &Place) {
    let job = place.prepared().await;
    let script = b"cat | wc -c\nread -r line\necho \"read says $?\"\n";
    let ended = job.raw_script(script, "build_script").await.ok();
    assert_eq!(ended.stdout_text(), "0\nread says 1\n");
    place.finish(job).await;
}

async fn the_shells_own_features(place: &Place) {
    let job = place.prepared().await;
    let body = r#"
        words=("a b" 'c$d' "e'f")
        printf '<%s>' "${words[@]:1}"
        declare -A of=([key]=value)
        echo " ${of[key]} ${#words[@]}"
        [[ fargate =~ ^(f.r)g ]] && echo "${BASH_REMATCH[1]}"
        cat <(echo substituted)
    "#;
    let ended = job.script(body, "build_script").await.ok();
    assert_eq!(ended.stdout_text(), "<c$d><e'f> value 3\nfar\nsubstituted\n");
    place.finish(job).await;
}

async fn a_script_that_a_signal_ends(place: &Place) {
    let job = place.prepared().await;
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139)] {
        let body = format!("echo before\nkill -{signal} $$\nsleep 60\n");
        let ended = job.raw_script(body.as_bytes(), "build_script").await;
        let ended = ended.failed_as(BUILD_FAILURE).says(&format!("signal {signal}"));
        assert_eq!(ended.stdout_text(), "before\n");
        assert_eq!(job.exit_code(), Some(format!("{code}\n")));
    }
    place.finish(job).await;
}

async fn a_background_process_lives_on_until_cleanup(place: &Place) {
    let job = place.prepared().await;
    // It keeps the stage's output open, which must not keep the stage.
    let ended = job.script("sleep 3600 & echo $!", "build_script").await.ok();
    let pid: u32 = ended.stdout_text().trim().parse().unwrap();
    assert!(alive(pid), "a service started by the script belongs to the whole job");
    let seen = job.script(&format!("kill -0 {pid} && echo there"), "after_script").await.ok();
    assert_eq!(seen.stdout_text(), "there\n");
    assert!(alive(pid));
    place.finish(job).await;
    eventually("the end of the background process", || !alive(pid)).await;
}

async fn every_stage_name_is_accepted(place: &Place) {
    let others = [
        "step_script",
        "step_release",
        "clear_worktree",
        "archive_cache_on_failure",
        "upload_artifacts_on_failure",
        "a_stage_of_the_future",
    ];
    let job = place.prepared().await;
    for stage in RUN_STAGES.into_iter().chain(others) {
        let ended = job.script(&format!("echo in {stage}"), stage).await.ok();
        assert_eq!(ended.stdout_text(), format!("in {stage}\n"));
        assert_eq!(ended.stderr, "", "{stage}");
    }
    place.finish(job).await;
}

async fn a_stale_exit_code_is_forgotten(place: &Place) {
    let job = place.prepared().await;
    job.script("exit 42", "build_script").await.failed_as(BUILD_FAILURE);
    assert_eq!(job.exit_code().as_deref(), Some("42\n"));
    job.script("true", "after_script").await.ok();
    assert_eq!(job.exit_code().as_deref(), Some(""), "the runner must not read 42 again");
    place.finish(job).await;
}

/// Runs `exit CODE` with an exit-code file of its own, so that several can run at once.
async fn exits_with(job: &Job<'_>, code: u32) -> (Ended, Option<String>) {
    let file = job.directory.path().join(format!("code-{code}"));
    let script = job.write_script(format!("echo says {code}\nexit {code}\n").as_bytes());
    let child = job
        .command(&["run", script.to_str().unwrap(), "build_script"])
        .env("BUILD_EXIT_CODE_FILE", &file)
        .spawn()
        .unwrap();
    (ended(child).await, fs::read_to_string(file).ok())
}

fn check_exit(code: u32, ended: Ended, noted: Option<&str>) {
    assert_eq!(ended.stdout_text(), format!("says {code}\n"));
    assert_eq!(ended.stderr, "");
    match code {
        0 => {
            ended.ok();
            assert_eq!(noted, None);
        }
        code => {
            ended.failed_as(BUILD_FAILURE);
            assert_eq!(noted, Some(format!("{code}\n").as_str()));
        }
    }
}

#[tokio::test]
async fn every_exit_code_reaches_the_runner() {
    let place = Place::local().await;
    let job = place.prepared().await;
    for first in (0..256).step_by(8) {
        let codes: [u32; 8] = std::array::from_fn(|n| first + n as u32);
        let [a, b, c, d, e, f, g, h] = codes.map(|code| exits_with(&job, code));
        let all = tokio::join!(a, b, c, d, e, f, g, h);
        let all = [all.0, all.1, all.2, all.3, all.4, all.5, all.6, all.7];
        for (code, (ended, noted)) in codes.into_iter().zip(all) {
            check_exit(code, ended, noted.as_deref());
        }
    }
    place.finish(job).await;
}

#[tokio::test]
async fn exit_codes_reach_the_runner_through_a_real_sshd() {
    let place = Place::ecs().await;
    let job = place.prepared().await;
    for code in [0, 1, 2, 42, 113, 114, 126, 127, 128, 137, 254, 255] {
        let (ended, noted) = exits_with(&job, code).await;
        check_exit(code, ended, noted.as_deref());
    }
    place.finish(job).await;
}
