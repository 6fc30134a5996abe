//! Output: exact, apart, under back-pressure, and ended in time.

mod common;

use std::fs;
use std::time::Duration;

use fargate_core::{
    Collected, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result, Stream, async_trait,
};
use fargate_ssh_transport::SshConfig;
use tokio::time::{Instant, sleep, timeout};

use common::{PATIENCE, alive, known, run, server, server_with};

#[tokio::test(flavor = "multi_thread")]
async fn random_megabytes_on_both_streams_are_exact_and_apart() {
    let (sshd, exec) = server();
    let random = |name: &str| {
        let file = sshd.home().join(name);
        let mut bytes = vec![0; 68_000_001];
        std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), &mut bytes)
            .unwrap();
        fs::write(file, &bytes).unwrap();
        bytes
    };
    let (stdout, stderr) = (random("out"), random("err"));
    let script = "cat $HOME/out & cat $HOME/err >&2; wait; exit 11";
    let (status, out) = run(&exec, &known(&sshd), ExecRequest::script(script)).await;
    assert_eq!(status, ExitStatus::Code(11));
    assert!(out.stdout == stdout, "stdout differs");
    assert!(out.stderr == stderr, "stderr differs");
}

#[tokio::test]
async fn short_scripts_never_lose_their_last_words_or_code() {
    let (sshd, exec) = server();
    let at = known(&sshd);
    for n in 0..100 {
        let script = format!("echo {n}; echo {n} >&2; exit {}", n % 7);
        let (status, out) = run(&exec, &at, ExecRequest::script(script)).await;
        assert_eq!(status, ExitStatus::Code(n % 7));
        assert_eq!(out.stdout_text(), format!("{n}\n"));
        assert_eq!(out.stderr_text(), format!("{n}\n"));
    }
}

/// Takes everything, but slowly.
struct Slow {
    taken: Collected,
    pause: Duration,
}

#[async_trait]
impl OutputSink for Slow {
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()> {
        sleep(self.pause).await;
        self.taken.write(stream, data).await
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_slow_reader_gets_a_large_tail_whole() {
    let (sshd, exec) = server();
    // The script is long over when most of its output is still on the way: the time the sink
    // takes is many times the drain.
    let script = "head -c 12000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 5";
    let mut sink = Slow { taken: Collected::default(), pause: Duration::from_millis(8) };
    let status =
        timeout(PATIENCE, exec.exec(&known(&sshd), ExecRequest::script(script), &mut sink))
            .await
            .expect("no hang")
            .unwrap();
    assert_eq!(status, ExitStatus::Code(5));
    assert_eq!((sink.taken.stdout.len(), sink.taken.stderr.len()), (12_000_000, 3_000_000));
}

#[tokio::test]
async fn a_stall_longer_than_the_keepalives_does_not_kill_a_healthy_connection() {
    let mut config = SshConfig::default();
    config.keepalive_interval = Duration::from_millis(100);
    config.keepalive_max_missed = 2;
    let (sshd, exec) = server_with(config);
    // Many small packets fill the queue, and the connection is not read any more.
    let script = "seq 1 400000 | while read -r n; do echo $n; done; exit 9";
    let mut stalls = 0;
    let mut taken = 0;
    let mut sink = common::Each(|_, data: Vec<u8>| {
        taken += data.len();
        let stall = stalls < 3;
        stalls += 1;
        async move {
            if stall {
                sleep(Duration::from_millis(1500)).await;
            }
            Ok(())
        }
    });
    let status =
        timeout(PATIENCE, exec.exec(&known(&sshd), ExecRequest::script(script), &mut sink))
            .await
            .expect("no hang")
            .unwrap();
    assert_eq!(status, ExitStatus::Code(9));
    assert_eq!(taken, (1..=400_000).map(|n: u32| n.to_string().len() + 1).sum::<usize>());
}

#[tokio::test]
async fn a_quiet_script_outlives_the_keepalives() {
    let mut config = SshConfig::default();
    config.keepalive_interval = Duration::from_millis(100);
    config.keepalive_max_missed = 2;
    let (sshd, exec) = server_with(config);
    let (status, _) = run(&exec, &known(&sshd), ExecRequest::script("sleep 2; exit 4")).await;
    assert_eq!(status, ExitStatus::Code(4));
}

#[tokio::test]
async fn a_process_left_behind_is_left_alone_and_holds_nothing_up() {
    let (sshd, exec) = server();
    let started = Instant::now();
    let (status, out) =
        run(&exec, &known(&sshd), ExecRequest::script("sleep 600 & echo $!; exit 4")).await;
    assert_eq!(status, ExitStatus::Code(4));
    assert!(started.elapsed() < Duration::from_secs(30), "held up");
    let pid: u32 = out.stdout_text().trim().parse().unwrap();
    assert!(alive(pid), "it was killed");
    drop(sshd);
    common::assert_gone(&[pid]).await;
}

#[tokio::test]
async fn a_process_left_behind_that_never_stops_writing_holds_nothing_up() {
    let (sshd, exec) = server();
    let at = known(&sshd);
    for script in ["yes & exit 3", "while :; do echo tick; sleep 0.1; done & exit 3"] {
        let started = Instant::now();
        let (status, out) = run(&exec, &at, ExecRequest::script(script)).await;
        assert_eq!(status, ExitStatus::Code(3), "{script}");
        assert!(started.elapsed() < Duration::from_secs(30), "held up by {script}");
        assert!(out.stdout.len() < 64 << 20, "{} bytes of {script}", out.stdout.len());
    }
}

#[tokio::test]
async fn output_is_flushed_while_the_script_still_runs() {
    struct Flushed(Vec<u8>, tokio::sync::mpsc::UnboundedSender<Vec<u8>>);
    #[async_trait]
    impl OutputSink for Flushed {
        async fn write(&mut self, _: Stream, data: &[u8]) -> Result<()> {
            self.0.extend_from_slice(data);
            Ok(())
        }
        async fn flush(&mut self) -> Result<()> {
            self.1.send(std::mem::take(&mut self.0)).unwrap();
            Ok(())
        }
    }
    let (sshd, exec) = server();
    let go = sshd.home().join("go");
    let script = format!("echo waiting; while ! [ -e {} ]; do sleep 0.05; done", go.display());
    let (sender, mut flushed) = tokio::sync::mpsc::unbounded_channel();
    let mut sink = Flushed(Vec::new(), sender);
    let at = known(&sshd);
    let watch = async {
        let mut text = Vec::new();
        while text != b"waiting\n" {
            text.extend(flushed.recv().await.expect("a flush"));
        }
        fs::write(&go, "").unwrap();
    };
    let exec = exec.exec(&at, ExecRequest::script(script), &mut sink);
    let (status, ()) =
        timeout(PATIENCE, async { tokio::join!(exec, watch) }).await.expect("no hang");
    assert_eq!(status.unwrap(), ExitStatus::Code(0));
}
