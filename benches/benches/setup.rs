//! Connection set-up: to the first byte, a whole script `true`, whole processes, and where the
//! time of one session goes.

use std::io::{self, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use fargate_benches::args::Login;
use fargate_benches::bench::{run, runtime};
use fargate_benches::child::run_counting;
use fargate_benches::mode::size;
use fargate_benches::programs;
use fargate_benches::quick_ack::QuickAck;
use fargate_benches::session::{Session, run_in};
use fargate_benches::sink::Counter;
use fargate_benches::site::Site;
use fargate_benches::stats::median;
use fargate_core::{ExecRequest, OutputSink, RemoteExec, Result, Stream, async_trait};
use fargate_ssh_transport::SshExec;

/// A hang guard.
const LIMIT: Duration = Duration::from_secs(60);
/// The steps of a session, in order.
const STEPS: [&str; 6] =
    ["TCP", "key exchange", "authentication", "channel", "command", "teardown"];

/// Takes down when the first byte came.
struct First {
    began: Instant,
    after: Option<Duration>,
}

#[async_trait]
impl OutputSink for First {
    async fn write(&mut self, _: Stream, _: &[u8]) -> Result<()> {
        self.after.get_or_insert_with(|| self.began.elapsed());
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

async fn first_byte(exec: &SshExec, login: &Login) -> Duration {
    let mut out = First { began: Instant::now(), after: None };
    let request = ExecRequest::script("echo");
    let status = exec.exec(&login.endpoint(), request, &mut out).await;
    assert!(status.expect("an exit status").is_success());
    out.after.expect("a byte")
}

/// One session of russh with the socket options of our transport, step by step.
async fn steps(login: &Login) -> io::Result<[Duration; 6]> {
    let mut times = [Duration::ZERO; 6];
    let mut last = Instant::now();
    let mut step = 0;
    let mut done = || {
        times[step] = last.elapsed();
        last = Instant::now();
        step += 1;
    };
    let tcp = QuickAck::connect(login.port).await?;
    done();
    let mut session = Session::exchange_keys(login, tcp).await?;
    done();
    session.authenticate(login).await?;
    done();
    let channel = session.channel().await?;
    done();
    let code = run_in(channel, "true", &mut Counter::default()).await?;
    done();
    session.close().await?;
    done();
    if code == 0 { Ok(times) } else { Err(io::Error::other("true failed")) }
}

fn at(criterion: &mut Criterion, site: &Site, server: &str, login: &Login) {
    let runtime = runtime();
    let exec = site.exec();
    let mut group = criterion.benchmark_group("set-up");
    group.sample_size(30);
    group.bench_function(format!("to the first byte, {server}"), |bencher| {
        bencher.iter_custom(|count| {
            (0..count).map(|_| runtime.block_on(first_byte(&exec, login))).sum()
        });
    });
    group.bench_function(format!("script true, {server}"), |bencher| {
        bencher.to_async(&runtime).iter(|| run(&exec, login, "true"));
    });
    let client = programs::client().expect("the client's program");
    group.bench_function(format!("whole process, script true, {server}"), |bencher| {
        bencher.iter(|| {
            let mut command = std::process::Command::new(&client);
            command.arg("command").args(login.to_args()).arg("true").stdin(Stdio::null());
            run_counting(&mut command, LIMIT, 0).expect("an exit code of 0")
        });
    });
    group.finish();

    let rounds = size(50, 2);
    let all: Vec<_> =
        (0..rounds).map(|_| runtime.block_on(steps(login)).expect("a session")).collect();
    for (index, step) in STEPS.iter().enumerate() {
        let millis: Vec<f64> = all.iter().map(|times| times[index].as_secs_f64() * 1e3).collect();
        writeln!(io::stdout(), "{server}, {step}: {:.2} ms", median(&millis))
            .expect("standard output");
    }
}

fn servers(criterion: &mut Criterion) {
    let site = Site::new().expect("a site");
    let (_agent, login) = site.agent().expect("the agent");
    at(criterion, &site, "agent", &login);
    let (_sshd, login) = site.sshd(&[]);
    at(criterion, &site, "sshd", &login);
}

criterion_group!(benches, servers);
criterion_main!(benches);
