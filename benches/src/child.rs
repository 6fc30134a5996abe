//! A client as a child process: its output, its time, its memory, all bounded in time.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use wait4::Wait4;

use crate::process;

/// Large, so that this process wakes up seldom and leaves the processors to those measured.
const PIPE: usize = 1 << 20;
/// Between two looks at the child's memory.
const LOOK: Duration = Duration::from_millis(20);

/// What one run of a client took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// From before the start of the process to its end.
    pub wall: Duration,
    /// User and system time of the process (wait4(2)).
    pub cpu: Duration,
    /// The most resident memory seen while it wrote, in bytes; 0 for a run too short to look.
    pub peak: u64,
    /// Bytes on its standard output.
    pub bytes: u64,
}

/// Takes output off the pipe and says how much; 0 at its end.
pub type Take<'a> = dyn FnMut(&mut ChildStdout) -> io::Result<usize> + 'a;

/// Runs a client whose standard output `take` takes.
///
/// # Errors
/// When it does not start, takes longer than `limit`, or exits with anything but 0.
pub fn run(command: &mut Command, limit: Duration, take: &mut Take<'_>) -> io::Result<Sample> {
    let mut errors = tempfile::tempfile()?;
    command.stdout(Stdio::piped()).stderr(errors.try_clone()?);
    let began = Instant::now();
    let child = command.spawn()?;
    let mut running = Running { child: Some(child), until: began + limit };
    let mut sample = running.follow(take).map_err(|error| explain(command, &error, &mut errors))?;
    sample.wall = began.elapsed();
    let used = running.collect()?;
    let (status, rusage) = (used.status, used.rusage);
    if !status.success() {
        let error = io::Error::other(format!("it ended with {status}"));
        return Err(explain(command, &error, &mut errors));
    }
    sample.cpu = rusage.utime + rusage.stime;
    Ok(sample)
}

/// Runs a client that must write exactly `bytes`, which are thrown away without being copied.
///
/// # Errors
/// As [`run`], and when it writes more or less.
pub fn run_counting(command: &mut Command, limit: Duration, bytes: u64) -> io::Result<Sample> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    let sample = run(command, limit, &mut |out| {
        Ok(splice(&*out, None, &nowhere, None, PIPE, SpliceFlags::MOVE)?)
    })?;
    if sample.bytes == bytes {
        Ok(sample)
    } else {
        let program = command.get_program().display();
        Err(io::Error::other(format!("{program} wrote {} of {bytes} bytes", sample.bytes)))
    }
}

/// Runs a client and keeps what it writes.
///
/// # Errors
/// As [`run`].
pub fn run_reading(command: &mut Command, limit: Duration) -> io::Result<(Sample, String)> {
    let mut text = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let sample = run(command, limit, &mut |out| {
        let read = out.read(&mut buffer)?;
        text.extend_from_slice(&buffer[..read]);
        Ok(read)
    })?;
    Ok((sample, String::from_utf8_lossy(&text).into_owned()))
}

/// Runs a client for as long as `take` takes output, then kills it. Its exit does not matter.
///
/// # Errors
/// When it does not start, or takes longer than `limit`.
pub fn run_cut(command: &mut Command, limit: Duration, take: &mut Take<'_>) -> io::Result<Sample> {
    let began = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut running = Running { child: Some(child), until: began + limit };
    let (mut sample, _out) = running.take_output(take)?;
    sample.wall = began.elapsed();
    Ok(sample)
}

/// A started child; killed when dropped before its end.
struct Running {
    child: Option<Child>,
    until: Instant,
}

impl Running {
    /// Takes its output to the end, and hands back the pipe.
    fn take_output(&mut self, take: &mut Take<'_>) -> io::Result<(Sample, ChildStdout)> {
        let nothing = || io::Error::other("no child with a pipe");
        let child = self.child.as_mut().ok_or_else(nothing)?;
        let pid = child.id();
        let mut out = child.stdout.take().ok_or_else(nothing)?;
        fcntl_setpipe_size(&out, PIPE)?;
        let mut sample = Sample::default();
        let mut looked = Instant::now();
        loop {
            let ready = ready(&out, LOOK)?;
            if ready {
                match take(&mut out)? {
                    0 => return Ok((sample, out)),
                    taken => sample.bytes += taken as u64,
                }
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                sample.peak = sample.peak.max(process::peak(pid).unwrap_or(0));
            }
            if looked > self.until {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Takes its output to the end, then waits for the end of the process itself.
    fn follow(&mut self, take: &mut Take<'_>) -> io::Result<Sample> {
        let (sample, out) = self.take_output(take)?;
        drop(out);
        let id = self.child.as_ref().map(Child::id);
        let raw = id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = raw.ok_or_else(|| io::Error::other("no process id"))?;
        let ended = pidfd_open(pid, PidfdFlags::empty())?;
        let patience = self.until.saturating_duration_since(Instant::now());
        if ready(&ended, patience)? { Ok(sample) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    fn collect(&mut self) -> io::Result<wait4::ResUse> {
        match self.child.take() {
            Some(mut child) => child.wait4(),
            None => Err(io::Error::other("already collected")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn ready(on: &impl AsFd, patience: Duration) -> io::Result<bool> {
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(on, PollFlags::IN)], Some(&patience)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn explain(command: &Command, error: &io::Error, errors: &mut File) -> io::Error {
    let mut said = String::new();
    // Only to explain: the error itself is known.
    errors.rewind().and_then(|()| errors.read_to_string(&mut said)).ok();
    let program = command.get_program().display();
    io::Error::new(error.kind(), format!("{program}: {error}: {}", said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_wrong_number_of_bytes_is_an_error() {
        let script = "head -c 3000000 /dev/zero";
        assert_eq!(run_counting(&mut shell(script), LIMIT, 3_000_000).unwrap().bytes, 3_000_000);
        let error = run_counting(&mut shell(script), LIMIT, 3_000_001).unwrap_err();
        assert!(error.to_string().contains("3000000 of 3000001"), "{error}");
    }

    #[test]
    fn a_failure_says_what_the_client_said() {
        let error = run_reading(&mut shell("echo why >&2; exit 3"), LIMIT).unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
    }

    #[test]
    fn a_client_that_hangs_is_killed() {
        let limit = Duration::from_millis(300);
        for script in ["exec sleep 600", "exec >&-; exec sleep 600"] {
            let error = run_reading(&mut shell(script), limit).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[test]
    fn processor_time_is_the_childs() {
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo $i";
        let (sample, text) = run_reading(&mut shell(script), LIMIT).unwrap();
        assert_eq!(text, "200000\n");
        assert!(sample.cpu > Duration::from_millis(10) && sample.peak > 0, "{sample:?}");
    }
}
