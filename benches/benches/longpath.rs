//! Long paths: throughput against window and delay, and set-up in round trips.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fargate_benches::args::Login;
use fargate_benches::bench::{run, runtime};
use fargate_benches::mode::size;
use fargate_benches::relay::Relay;
use fargate_benches::site::Site;
use fargate_benches::stats::median;
use fargate_benches::workload::remote;
use fargate_ssh_transport::SshExec;
use tokio::runtime::Runtime;

fn seconds(runtime: &Runtime, exec: &SshExec, login: &Login) -> f64 {
    let times: Vec<f64> = (0..size(20, 2))
        .map(|_| {
            let began = Instant::now();
            runtime.block_on(run(exec, login, "true"));
            began.elapsed().as_secs_f64()
        })
        .collect();
    median(&times)
}

fn measure(criterion: &mut Criterion, site: &Site, server: &str, at: &Login) {
    let runtime = runtime();
    let exec = site.exec();
    let bytes: u64 = size(256 << 20, 1 << 20);
    let script = remote(&format!("zero {bytes}")).expect("the far side's program");
    let mut group = criterion.benchmark_group(format!("bulk stdout over a long path, {server}"));
    group.throughput(Throughput::Bytes(bytes)).sample_size(10);
    for millis in [5, 20, 50, 100] {
        let round_trip = Duration::from_millis(millis);
        let relay = Relay::start(at.port, round_trip).expect("a relay");
        let login = at.through(relay.port());
        group.bench_function(format!("{millis} ms"), |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                assert_eq!(run(&exec, &login, script.clone()).await, bytes);
            });
        });
        // At two delays, so that what the relay adds by itself cancels out.
        let near = Relay::start(at.port, round_trip / 2).expect("a relay");
        let [short, long] =
            [near.port(), relay.port()].map(|port| seconds(&runtime, &exec, &at.through(port)));
        let trips = (long - short) / (round_trip / 2).as_secs_f64();
        writeln!(io::stdout(), "{server}, {millis} ms: script true takes {trips:.1} round trips")
            .expect("standard output");
    }
    group.finish();
}

fn servers(criterion: &mut Criterion) {
    let site = Site::new().expect("a site");
    let (_agent, login) = site.agent().expect("the agent");
    measure(criterion, &site, "agent", &login);
    let (_sshd, login) = site.sshd(&[]);
    measure(criterion, &site, "sshd", &login);
}

criterion_group!(benches, servers);
criterion_main!(benches);
