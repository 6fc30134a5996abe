//! How much later a line arrives in the sink than it was written, alone and beside a loaded
//! connection of the same process.

use std::io::{self, Write};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use fargate_benches::args::Login;
use fargate_benches::bench::runtime;
use fargate_benches::mode::size;
use fargate_benches::sink::Counter;
use fargate_benches::site::Site;
use fargate_benches::stats::quantile;
use fargate_benches::workload::remote;
use fargate_core::{ErrorKind, ExecRequest, OutputSink, RemoteExec, Result, Stream, async_trait};
use fargate_ssh_transport::SshExec;
use rustix::time::{ClockId, clock_gettime};

/// Takes lines, each the time it was written, and keeps the delays in microseconds.
#[derive(Default)]
struct Delays {
    partial: Vec<u8>,
    micros: Vec<f64>,
}

#[async_trait]
impl OutputSink for Delays {
    async fn write(&mut self, _: Stream, data: &[u8]) -> Result<()> {
        let now = clock_gettime(ClockId::Monotonic);
        let now = now.tv_sec * 1_000_000_000 + now.tv_nsec;
        self.partial.extend_from_slice(data);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let text = std::str::from_utf8(&line).expect("digits");
            let written: i64 = text.trim().parse().expect("a time");
            self.micros.push((now - written) as f64 / 1e3);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The delays of `count` lines, one every 10 ms, while `beside` runs.
async fn delays(exec: &SshExec, login: &Login, count: u64, beside: Option<&str>) -> Vec<f64> {
    let at = login.endpoint();
    let clock = remote(&format!("clock {count} 10")).expect("the far side's program");
    let mut out = Delays::default();
    let lines = exec.exec(&at, ExecRequest::script(clock), &mut out);
    match beside {
        None => assert!(lines.await.expect("an exit status").is_success()),
        Some(load) => {
            let request = ExecRequest::script(load.to_owned()).grace(Duration::ZERO);
            let enough = request.cancel.clone();
            let mut counter = Counter::default();
            let load = exec.exec(&at, request, &mut counter);
            let lines = async {
                let status = lines.await.expect("an exit status");
                enough.cancel();
                status
            };
            let (status, load) = tokio::join!(lines, load);
            assert!(status.is_success());
            assert_eq!(load.expect_err("it has no end").kind(), ErrorKind::Cancelled);
            assert!(counter.bytes > 0);
        }
    }
    assert_eq!(out.micros.len() as u64, count);
    out.micros
}

fn lines(criterion: &mut Criterion) {
    let site = Site::new().expect("a site");
    let (_agent, agent) = site.agent().expect("the agent");
    let (_sshd, sshd) = site.sshd(&[]);
    let runtime = runtime();
    let exec = site.exec();
    let endless = remote("endless").expect("the far side's program");
    let mut group = criterion.benchmark_group("delay of a line every 10 ms");
    group.sample_size(10).measurement_time(Duration::from_secs(15));
    for (server, login) in [("agent", &agent), ("sshd", &sshd)] {
        for (load, beside) in [("", None), (", beside endless output", Some(endless.as_str()))] {
            let name = format!("{server}{load}");
            let mut all = Vec::new();
            group.bench_function(&name, |bencher| {
                bencher.iter_custom(|count| {
                    let micros = runtime.block_on(delays(&exec, login, count, beside));
                    let total = micros.iter().sum::<f64>();
                    all.extend(micros);
                    Duration::from_secs_f64(total / 1e6)
                });
            });
            // In a test run one line says little, and more are wanted while measuring anyway.
            all.extend(runtime.block_on(delays(&exec, login, size(300, 5), beside)));
            let [half, most, max] = [0.5, 0.99, 1.0].map(|q| quantile(&all, q));
            writeln!(
                io::stdout(),
                "{name}: p50 {half:.0} µs, p99 {most:.0} µs, max {max:.0} µs of {} lines",
                all.len()
            )
            .expect("standard output");
        }
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);
