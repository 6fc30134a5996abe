//! Output to a sink and uploads, from the agent and from OpenSSH's server, over each cipher.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fargate_benches::args::Login;
use fargate_benches::bench::{run, runtime};
use fargate_benches::mode::size;
use fargate_benches::site::Site;
use fargate_benches::workload::{large_script, remote};

/// What both sides know; the transport prefers the first. A server that allows only one decides.
const CIPHERS: [&str; 4] = [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
];
/// A line of `bench-remote lines`.
const LINE: u64 = 25;

fn from(criterion: &mut Criterion, site: &Site, server: &str, login: &Login) {
    let runtime = runtime();
    let exec = site.exec();
    let bulk: u64 = size(1 << 30, 4 << 20);
    let lines: u64 = size(20_000_000, 100_000);
    let outputs = [
        ("bulk stdout", format!("zero {bulk}"), bulk),
        ("short lines", format!("lines {lines}"), lines * LINE),
        ("both streams at once", format!("both {}", bulk / 2), bulk),
    ];
    for (name, arguments, bytes) in outputs {
        let script = remote(&arguments).expect("the far side's program");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes)).sample_size(10);
        group.bench_function(server, |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                assert_eq!(run(&exec, login, script.clone()).await, bytes);
            });
        });
        group.finish();
    }
    for (name, bytes) in [
        ("upload of a script of 64 KiB", 64 << 10),
        ("upload of a script of 256 MiB", size(256 << 20, 4 << 20)),
    ] {
        let script = bytes::Bytes::from(large_script(bytes));
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes as u64)).sample_size(10);
        group.bench_function(server, |bencher| {
            bencher.to_async(&runtime).iter(|| run(&exec, login, script.clone()));
        });
        group.finish();
    }
}

fn servers(criterion: &mut Criterion) {
    let site = Site::new().expect("a site");
    let (_agent, login) = site.agent().expect("the agent");
    from(criterion, &site, "agent", &login);
    let (_sshd, login) = site.sshd(&[]);
    from(criterion, &site, "sshd", &login);
}

fn ciphers(criterion: &mut Criterion) {
    let site = Site::new().expect("a site");
    let runtime = runtime();
    let exec = site.exec();
    let bytes: u64 = size(1 << 30, 4 << 20);
    let script = remote(&format!("zero {bytes}")).expect("the far side's program");
    let mut group = criterion.benchmark_group("bulk stdout by cipher, sshd");
    group.throughput(Throughput::Bytes(bytes)).sample_size(10);
    for cipher in CIPHERS {
        let (_sshd, login) = site.sshd(&[&format!("Ciphers {cipher}")]);
        group.bench_function(cipher, |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                assert_eq!(run(&exec, &login, script.clone()).await, bytes);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, servers, ciphers);
criterion_main!(benches);
