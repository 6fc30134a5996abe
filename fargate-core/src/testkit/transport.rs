//! The transport cases. Each name is the promise it tests.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{TransportBench, unique_key};
use crate::{
    Collected, Endpoint, Error, ErrorKind, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result,
    Stream, quote,
};

/// A hang guard, not a speed goal.
const PATIENCE: Duration = Duration::from_secs(60);

async fn ready(exec: &dyn RemoteExec, bench: &TransportBench) -> Endpoint {
    let until = Instant::now() + PATIENCE;
    loop {
        match exec.probe(&bench.endpoint).await {
            Ok(endpoint) => return endpoint,
            Err(error) => assert!(Instant::now() < until, "never ready: {error:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn run(
    exec: &dyn RemoteExec,
    at: &Endpoint,
    request: ExecRequest,
) -> (ExitStatus, Collected) {
    let mut out = Collected::default();
    let status = timeout(PATIENCE, exec.exec(at, request, &mut out))
        .await
        .expect("no hang")
        .expect("an exit status");
    (status, out)
}

async fn script(
    exec: &dyn RemoteExec,
    bench: &TransportBench,
    text: &str,
) -> (ExitStatus, Collected) {
    let at = ready(exec, bench).await;
    run(exec, &at, ExecRequest::script(text.to_owned())).await
}

/// Hands every chunk to the test, and can be told to block or to fail.
struct Tapped {
    chunks: mpsc::UnboundedSender<(Stream, Vec<u8>)>,
    behaviour: Behaviour,
}

#[derive(Clone, Copy)]
enum Behaviour {
    Take,
    BlockAfterFirst,
    FailAfterFirst,
}

impl Tapped {
    fn new(behaviour: Behaviour) -> (Self, mpsc::UnboundedReceiver<(Stream, Vec<u8>)>) {
        let (chunks, tap) = mpsc::unbounded_channel();
        (Self { chunks, behaviour }, tap)
    }
}

#[async_trait]
impl OutputSink for Tapped {
    async fn write(&mut self, stream: Stream, data: &[u8]) -> Result<()> {
        // The test may have stopped listening.
        self.chunks.send((stream, data.to_vec())).ok();
        match self.behaviour {
            Behaviour::Take => Ok(()),
            Behaviour::BlockAfterFirst => std::future::pending().await,
            Behaviour::FailAfterFirst => {
                Err(Error::new(ErrorKind::Unexpected, "write the log", "the log is full"))
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Reads chunks until `lines` whole lines have come.
async fn first_lines(
    tap: &mut mpsc::UnboundedReceiver<(Stream, Vec<u8>)>,
    lines: usize,
) -> Vec<String> {
    let mut text = String::new();
    while text.matches('\n').count() < lines {
        let (_, chunk) = timeout(PATIENCE, tap.recv()).await.expect("no hang").expect("output");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    // What follows in the same chunk is not asked for.
    text.lines().take(lines).map(str::to_owned).collect()
}

/// Waits until the processes are gone; a zombie is gone.
async fn assert_gone(exec: &dyn RemoteExec, at: &Endpoint, pids: &[String]) {
    let until = Instant::now() + Duration::from_secs(20);
    let pids = pids.join(" ");
    let check = format!(
        "for p in {pids}; do s=$(sed -n 's/^State:[^A-Z]*//p' /proc/$p/status 2>/dev/null) || s=; \
         case $s in ''|Z*|X*) ;; *) echo $p;; esac; done"
    );
    loop {
        let (_, out) = run(exec, at, ExecRequest::script(check.clone())).await;
        if out.stdout.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "still alive: {}", out.stdout_text());
        sleep(Duration::from_millis(100)).await;
    }
}

/// The first probe accepts whoever answers and returns who that is; the next one checks it.
pub async fn probe_learns_the_identity(exec: &dyn RemoteExec, bench: &TransportBench) {
    assert_eq!(bench.endpoint.identity(), None, "the bench starts without an identity");
    let learnt = ready(exec, bench).await;
    assert!(learnt.identity().is_some());
    assert_eq!(exec.probe(&learnt).await.expect("the same server"), learnt);
}

/// As long as it is not known who answers, nothing is run.
pub async fn exec_without_an_identity_is_untrusted(exec: &dyn RemoteExec, bench: &TransportBench) {
    ready(exec, bench).await;
    let mut out = Collected::default();
    let request = ExecRequest::script("echo ran");
    let error = exec.exec(&bench.endpoint, request, &mut out).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
    assert_eq!(out, Collected::default());
}

/// Somebody else who answers is refused by both methods.
pub async fn changed_identity_is_untrusted(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await.with_identity(&bench.another_identity);
    let error = exec.probe(&at).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
    let mut out = Collected::default();
    let error =
        exec.exec(&at, ExecRequest::script("echo ran"), &mut out).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error:?}");
    assert_eq!(out, Collected::default());
}

/// A client the server does not know is `Unauthenticated`.
pub async fn unknown_client_is_refused(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    let error = bench.stranger.probe(&at).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    let mut out = Collected::default();
    let error =
        bench.stranger.exec(&at, ExecRequest::script("true"), &mut out).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
}

/// All 256 byte values pass both streams.
pub async fn every_byte_arrives_and_streams_stay_apart(
    exec: &dyn RemoteExec,
    bench: &TransportBench,
) {
    let all: Vec<u8> = (0..=255).collect();
    let mut octal = String::new();
    for byte in &all {
        write!(octal, "\\{byte:03o}").expect("writes to a string");
    }
    let text = format!("printf '{octal}'; printf '{octal}err' >&2");
    let (status, out) = script(exec, bench, &text).await;
    assert_eq!(status, ExitStatus::Code(0));
    assert_eq!(out.stdout, all);
    assert_eq!(out.stderr, [all, b"err".to_vec()].concat());
}

/// Megabytes on both streams at once arrive whole and in order.
pub async fn large_output_on_both_streams_is_exact(exec: &dyn RemoteExec, bench: &TransportBench) {
    let text = "seq 1 700000 & seq 700001 1400000 >&2; wait";
    let (status, out) = script(exec, bench, text).await;
    assert_eq!(status, ExitStatus::Code(0));
    let expected = |from: u32, to: u32| {
        (from..=to).fold(String::new(), |mut text, n| {
            writeln!(text, "{n}").expect("writes to a string");
            text
        })
    };
    assert!(out.stdout == expected(1, 700_000).into_bytes(), "stdout differs");
    assert!(out.stderr == expected(700_001, 1_400_000).into_bytes(), "stderr differs");
}

/// Eight megabytes without a line end are not held back or cut.
pub async fn one_endless_line_is_exact(exec: &dyn RemoteExec, bench: &TransportBench) {
    let (status, out) = script(exec, bench, "head -c 8388608 /dev/zero | tr '\\0' x; exit 5").await;
    assert_eq!(status, ExitStatus::Code(5));
    assert_eq!(out.stdout.len(), 8_388_608);
    assert!(out.stdout.iter().all(|byte| *byte == b'x'));
}

/// Exit codes come back as they are, and so does what was printed just before.
pub async fn exit_codes_are_the_scripts_own(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    for code in [0, 1, 2, 7, 42, 126, 127, 128, 255] {
        let text = format!("echo last words; exit {code}");
        let (status, out) = run(exec, &at, ExecRequest::script(text)).await;
        assert_eq!(status, ExitStatus::Code(code));
        assert_eq!(out.stdout, b"last words\n");
    }
}

/// A script killed by a signal is neither success nor an invented code: the signal is named, or
/// told as a shell tells it.
pub async fn death_by_signal_is_told(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    // To the script alone, and to all of its process group.
    for (signal, to) in [("KILL", "$$"), ("TERM", "$$"), ("TERM", "0")] {
        let text = format!("echo before; kill -{signal} {to}; sleep 60");
        let (status, out) = run(exec, &at, ExecRequest::script(text)).await;
        let named = ExitStatus::Signal(signal.to_owned());
        let wanted = if bench.names_signals { named } else { ExitStatus::Code(named.shell_code()) };
        assert_eq!(status, wanted, "{signal} to {to}");
        assert_eq!(out.stdout, b"before\n");
        assert_eq!(out.stderr_text(), "", "nothing but the script's own");
    }
}

/// Whatever reads standard input gets end-of-file.
pub async fn standard_input_is_at_its_end(exec: &dyn RemoteExec, bench: &TransportBench) {
    let (status, out) = script(exec, bench, "cat; read -r line || echo end\necho after").await;
    assert_eq!(status, ExitStatus::Code(0));
    assert_eq!(out.stdout, b"end\nafter\n");
}

/// Far more than an argument may hold (Linux: 131,071 bytes).
pub async fn five_megabyte_script_runs(exec: &dyn RemoteExec, bench: &TransportBench) {
    let mut text = String::with_capacity(5 << 20);
    while text.len() < 5 << 20 {
        text.push_str("# a line that makes the script long and does nothing else\n");
    }
    text.push_str("echo reached the end\nexit 3\n");
    let (status, out) = script(exec, bench, &text).await;
    assert_eq!(status, ExitStatus::Code(3));
    assert_eq!(out.stdout, b"reached the end\n");
}

/// The last line counts without its newline.
pub async fn script_without_a_final_newline_runs(exec: &dyn RemoteExec, bench: &TransportBench) {
    let (status, out) = script(exec, bench, "echo one\necho two; exit 9").await;
    assert_eq!(status, ExitStatus::Code(9));
    assert_eq!(out.stdout, b"one\ntwo\n");
}

/// A script is bytes.
pub async fn script_with_invalid_utf8_runs(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    let text = b"printf '%s' '\xff\xfe\x80 caf\xe9'\n".to_vec();
    let (status, out) = run(exec, &at, ExecRequest::script(text)).await;
    assert_eq!(status, ExitStatus::Code(0));
    assert_eq!(out.stdout, b"\xff\xfe\x80 caf\xe9");
}

/// No process list shows the script.
pub async fn script_stays_off_the_command_line(exec: &dyn RemoteExec, bench: &TransportBench) {
    let secret = unique_key("secret");
    let (head, tail) = secret.as_str().split_at(10);
    // The pattern is put together in the shell, so that grep's own arguments do not count.
    let text = format!(
        "# {secret}\na={head}\nfor f in /proc/[0-9]*/cmdline; do \
         tr '\\0' ' ' <\"$f\" 2>/dev/null; done >\"${{TMPDIR:-/tmp}}/$$.list\"\n\
         grep -c \"$a\"{tail} \"${{TMPDIR:-/tmp}}/$$.list\"; rm -f \"${{TMPDIR:-/tmp}}/$$.list\"; exit 0"
    );
    let (_, out) = script(exec, bench, &text).await;
    assert_eq!(out.stdout_text(), "0\n");
}

/// [`ExecRequest::command`] passes each word on as it is.
pub async fn command_words_arrive_unchanged(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    let words = ["printf", "%s|", "two words", "$HOME", "it's", "a\nb", "*", ""];
    let (status, out) = run(exec, &at, ExecRequest::command(words)).await;
    assert_eq!(status, ExitStatus::Code(0));
    assert_eq!(out.stdout_text(), "two words|$HOME|it's|a\nb|*||");
}

/// While the sink waits, the script waits: what runs ahead is bounded.
pub async fn slow_sink_slows_the_script(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    let mark = format!("/tmp/{}", unique_key("pressure"));
    let text = format!(
        "i=0; while [ $i -lt 200 ]; do head -c 1048576 /dev/zero; i=$((i+1)); echo $i >{mark}; done"
    );
    let cancel = CancellationToken::new();
    let (mut sink, mut tap) = Tapped::new(Behaviour::BlockAfterFirst);
    let request =
        ExecRequest::script(text).cancel(cancel.clone()).grace(Duration::from_millis(500));
    let watch = async {
        timeout(PATIENCE, tap.recv()).await.expect("no hang").expect("output");
        // Long enough for an unbounded reader to swallow all of it.
        sleep(Duration::from_secs(2)).await;
        let (_, out) = run(exec, &at, ExecRequest::script(format!("cat {mark} || echo 0"))).await;
        cancel.cancel();
        out.stdout_text().trim().parse::<u32>().expect("a number")
    };
    let (result, ahead) = tokio::join!(exec.exec(&at, request, &mut sink), watch);
    assert_eq!(result.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    assert!(ahead <= 64, "{ahead} MiB ran ahead of a sink that took one chunk");
    run(exec, &at, ExecRequest::script(format!("rm -f {mark}"))).await;
}

/// A daemon that keeps stdout open delays the end only shortly, and lives on.
pub async fn left_behind_process_does_not_hold_the_stage(
    exec: &dyn RemoteExec,
    bench: &TransportBench,
) {
    let at = ready(exec, bench).await;
    let started = Instant::now();
    let (status, out) = run(exec, &at, ExecRequest::script("sleep 300 & echo $!; exit 4")).await;
    assert_eq!(status, ExitStatus::Code(4));
    assert!(started.elapsed() < Duration::from_secs(30), "held by the left-behind process");
    let pid = out.stdout_text().trim().to_owned();
    let (alive, _) = run(exec, &at, ExecRequest::script(format!("kill -0 {pid}"))).await;
    assert_eq!(alive, ExitStatus::Code(0), "it was not killed");
    run(exec, &at, ExecRequest::script(format!("kill -KILL {pid}"))).await;
    assert_gone(exec, &at, &[pid]).await;
}

const STUBBORN: &str = "trap '' TERM; sleep 300 & (trap '' TERM; sleep 301 & echo $!; wait) & \
                        echo $$; echo $!; while :; do sleep 1; done";

async fn cancel_after_first_lines(
    exec: &dyn RemoteExec,
    bench: &TransportBench,
    behaviour: Behaviour,
    text: &str,
    lines: usize,
) {
    let at = ready(exec, bench).await;
    let cancel = CancellationToken::new();
    let (mut sink, mut tap) = Tapped::new(behaviour);
    let request =
        ExecRequest::script(text.to_owned()).cancel(cancel.clone()).grace(Duration::from_secs(1));
    let watch = async {
        let pids = first_lines(&mut tap, lines).await;
        cancel.cancel();
        pids
    };
    let (result, pids) =
        timeout(PATIENCE, async { tokio::join!(exec.exec(&at, request, &mut sink), watch) })
            .await
            .expect("no hang");
    assert_eq!(result.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    assert_eq!(pids.len(), lines, "{pids:?}");
    assert_gone(exec, &at, &pids).await;
}

/// Cancel ends children and grandchildren, also those that ignore TERM.
pub async fn cancel_ends_the_whole_process_group(exec: &dyn RemoteExec, bench: &TransportBench) {
    cancel_after_first_lines(exec, bench, Behaviour::Take, STUBBORN, 3).await;
}

/// Cancel does not wait for a sink that takes nothing.
pub async fn cancel_works_while_the_sink_is_stuck(exec: &dyn RemoteExec, bench: &TransportBench) {
    let text = "echo $$; cat /dev/zero";
    cancel_after_first_lines(exec, bench, Behaviour::BlockAfterFirst, text, 1).await;
}

/// A request that is already cancelled runs nothing.
pub async fn cancelled_before_it_starts_never_runs(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    let mark = format!("/tmp/{}", unique_key("never"));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let request = ExecRequest::script(format!("touch {}", quote(&mark))).cancel(cancel);
    let mut out = Collected::default();
    let error = exec.exec(&at, request, &mut out).await.expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let (exists, _) = run(exec, &at, ExecRequest::script(format!("test -e {mark}"))).await;
    assert_eq!(exists, ExitStatus::Code(1), "the script ran");
}

/// When the log cannot be written the script ends, and the sink's error is the result.
pub async fn failing_sink_ends_the_script(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    let (mut sink, mut tap) = Tapped::new(Behaviour::FailAfterFirst);
    let request = ExecRequest::script("echo $$; while :; do echo more; sleep 0.1; done")
        .grace(Duration::from_secs(1));
    let error = timeout(PATIENCE, exec.exec(&at, request, &mut sink))
        .await
        .expect("no hang")
        .expect_err("the sink failed");
    assert_eq!(error.message(), "the log is full", "{error:?}");
    let pids = first_lines(&mut tap, 1).await;
    assert_gone(exec, &at, &pids[..1]).await;
}

/// A server that dies under a running script has not reported success.
pub async fn lost_connection_is_not_success(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    // The parent of the script's shell is the server's session process. The pause lets it pass on
    // what was written before.
    let request = ExecRequest::script("echo before; sleep 1; kill -KILL $PPID; sleep 5; exit 0");
    let mut out = Collected::default();
    let error = timeout(PATIENCE, exec.exec(&at, request, &mut out))
        .await
        .expect("no hang")
        .expect_err("no exit status");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert_eq!(out.stdout, b"before\n");
}

/// Sessions side by side do not mix.
pub async fn many_at_once_keep_their_results(exec: &dyn RemoteExec, bench: &TransportBench) {
    let at = ready(exec, bench).await;
    let one = |code: u32| {
        let at = &at;
        async move {
            let text = format!("echo {code}; echo err{code} >&2; exit {code}");
            let (status, out) = run(exec, at, ExecRequest::script(text)).await;
            assert_eq!(status, ExitStatus::Code(code));
            assert_eq!(out.stdout_text(), format!("{code}\n"));
            assert_eq!(out.stderr_text(), format!("err{code}\n"));
        }
    };
    tokio::join!(
        one(1),
        one(2),
        one(3),
        one(4),
        one(5),
        one(6),
        one(7),
        one(8),
        one(9),
        one(10),
        one(11),
        one(12)
    );
}
