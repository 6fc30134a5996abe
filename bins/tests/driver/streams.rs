//! Output: every byte, in order, streams apart, and no faster than it is read.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::harness::{PATIENCE, SYSTEM_FAILURE, alive, eventually, signal};
use crate::place::{Place, on_both_backends};

on_both_backends!(
    much_output_on_both_streams_at_once,
    one_endless_line,
    a_slow_reader_slows_the_script_and_costs_no_memory,
);

const MEBIBYTE: u64 = 1 << 20;

/// A shell command that prints `bytes` pseudo-random bytes, the same for the same seed.
fn noise(bytes: u64, seed: u32) -> String {
    format!(
        "head -c {bytes} /dev/zero | openssl enc -aes-128-ctr -nosalt -K {seed:032x} -iv {seed:032x}"
    )
}

/// A `sha256sum` that reads whatever is written into the returned pipe end.
fn checksum() -> (Child, OwnedFd) {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pipe = child.stdin.take().unwrap().into_owned_fd().unwrap();
    (child, pipe)
}

async fn checksum_of(child: Child) -> String {
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("no hang").unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What a local shell's `command` prints, as a checksum.
async fn checksum_of_command(command: &str) -> String {
    let shell = Command::new("sh")
        .args(["-c", &format!("{command} | sha256sum")])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    checksum_of(shell).await
}

/// Runs `script` and returns the checksums of its stdout and stderr. Nobody holds the output.
async fn checksums(place: &Place, script: &str) -> (String, String) {
    let job = place.prepared().await;
    let file = job.write_script(script.as_bytes());
    let (stdout_sum, stdout) = checksum();
    let (stderr_sum, stderr) = checksum();
    let mut command = job.command(&["run", file.to_str().unwrap(), "build_script"]);
    let mut child = command.stdout(stdout).stderr(stderr).spawn().unwrap();
    // It holds our copies of the pipe ends.
    drop(command);
    let (status, stdout, stderr) =
        tokio::join!(child.wait(), checksum_of(stdout_sum), checksum_of(stderr_sum));
    assert_eq!(status.unwrap().code(), Some(0));
    place.finish(job).await;
    (stdout, stderr)
}

async fn much_output_on_both_streams_at_once(place: &Place) {
    let (one, other) = (noise(256 * MEBIBYTE, 1), noise(256 * MEBIBYTE, 2));
    let script = format!("{one} &\n{other} >&2 &\nwait\n");
    let (stdout, stderr) = checksums(place, &script).await;
    assert_eq!(stdout, checksum_of_command(&one).await);
    assert_eq!(stderr, checksum_of_command(&other).await);
    assert_ne!(stdout, stderr);
}

async fn one_endless_line(place: &Place) {
    let line = format!("head -c {} /dev/zero | tr '\\0' x", 64 * MEBIBYTE);
    let (stdout, _) = checksums(place, &line).await;
    assert_eq!(stdout, checksum_of_command(&line).await);
}

/// The most memory a process has ever held, in bytes.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1024
}

async fn a_slow_reader_slows_the_script_and_costs_no_memory(place: &Place) {
    const BUFFERS: u64 = 48 * MEBIBYTE;

    let job = place.prepared().await;
    let progress = job.directory.path().join("progress");
    let body = format!(
        "echo $$ > '{0}.pid'\nwhile head -c 1048576 /dev/zero; do printf . >> '{0}'; done\n",
        progress.display()
    );
    let file = job.write_script(body.as_bytes());
    let mut child = job.spawn(&["run", file.to_str().unwrap(), "build_script"]);
    let driver = child.id().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();

    let mut read = 0;
    let mut buffer = vec![0; 32 * 1024];
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        read += timeout(PATIENCE, stdout.read(&mut buffer)).await.expect("no hang").unwrap() as u64;
        sleep(Duration::from_millis(20)).await;
    }
    let written = fs::metadata(&progress).map_or(0, |data| data.len()) * MEBIBYTE;
    assert!(read > 0, "the script's output comes");
    assert!(written < read + BUFFERS, "{written} bytes written, {read} read");
    let peak = peak_memory(driver);
    assert!(peak < 64 * MEBIBYTE, "the driver took {peak} bytes");

    let script: u32 =
        fs::read_to_string(progress.with_extension("pid")).unwrap().trim().parse().unwrap();
    assert!(alive(script));
    signal(&child, Signal::TERM);
    let mut rest = Vec::new();
    let mut nowhere = tokio::io::sink();
    let (status, _, _) = tokio::join!(
        timeout(PATIENCE, child.wait()),
        tokio::io::copy(&mut stdout, &mut nowhere),
        stderr.read_to_end(&mut rest),
    );
    let code = status.expect("no hang").unwrap().code();
    assert_eq!(code, Some(SYSTEM_FAILURE), "{}", String::from_utf8_lossy(&rest));
    eventually("the end of the script", || !alive(script)).await;
    place.finish(job).await;
}
