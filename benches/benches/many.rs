//! Sessions at once, in one process and as processes: throughput, processor time, memory of each.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fargate_benches::args::Login;
use fargate_benches::bench::run;
use fargate_benches::child::{run_counting, run_reading};
use fargate_benches::mode::size;
use fargate_benches::process::{own_cpu, raise_file_limit};
use fargate_benches::programs;
use fargate_benches::site::Site;
use fargate_benches::workload::remote;
use fargate_ssh_transport::SshExec;
use tokio::task::JoinSet;

/// A hang guard.
const LIMIT: Duration = Duration::from_secs(300);
/// From each session.
const BYTES: u64 = 1 << 20;

async fn all_at_once(exec: Arc<SshExec>, login: Arc<Login>, script: Arc<str>, sessions: usize) {
    let mut running = JoinSet::new();
    for _ in 0..sessions {
        let (exec, login, script) = (Arc::clone(&exec), Arc::clone(&login), script.to_string());
        running.spawn(async move { run(&exec, &login, script).await });
    }
    while let Some(ended) = running.join_next().await {
        assert_eq!(ended.expect("no panic"), BYTES);
    }
}

/// As many processes of our client, started by as many threads.
fn as_processes(login: &Login, script: &str, sessions: usize) {
    let client = programs::client().expect("the client's program");
    std::thread::scope(|scope| {
        for _ in 0..sessions {
            scope.spawn(|| {
                let mut command = Command::new(&client);
                command.arg("command").args(login.to_args()).arg(script).stdin(Stdio::null());
                run_counting(&mut command, LIMIT, BYTES).expect("all bytes");
            });
        }
    });
}

fn sessions(criterion: &mut Criterion) {
    raise_file_limit().expect("a limit that can be raised");
    let site = Site::new().expect("a site");
    let (_agent, login) = site.agent().expect("the agent");
    let login = Arc::new(login);
    let exec = Arc::new(site.exec());
    // For many sessions more threads pay, unlike for one.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let script: Arc<str> = remote(&format!("zero {BYTES}")).expect("the far side's program").into();
    for count in size(&[1, 10, 100, 1000][..], &[1, 10][..]) {
        let count = *count;
        let mut group = criterion.benchmark_group("1 MiB from each of many sessions, agent");
        group.throughput(Throughput::Bytes(BYTES * count as u64)).sample_size(10);
        let (mut sessions, before) = (0, own_cpu().expect("/proc"));
        group.bench_function(format!("{count} in one process"), |bencher| {
            bencher.to_async(&runtime).iter(|| {
                sessions += count;
                all_at_once(Arc::clone(&exec), Arc::clone(&login), Arc::clone(&script), count)
            });
        });
        let cpu = own_cpu().expect("/proc") - before;
        if count <= 100 {
            group.bench_function(format!("{count} processes"), |bencher| {
                bencher.iter(|| as_processes(&login, &script, count));
            });
        }
        group.finish();
        let client = programs::client().expect("the client's program");
        let mut command = Command::new(client);
        command.arg("many").args(login.to_args()).arg(count.to_string()).stdin(Stdio::null());
        let (_, resident) = run_reading(&mut command, LIMIT).expect("two numbers");
        let [one, all] = resident
            .split_whitespace()
            .map(|number| number.parse::<f64>().expect("a number"))
            .collect::<Vec<_>>()[..]
        else {
            panic!("not two numbers: {resident}")
        };
        let each = f64::from(u32::try_from(sessions.max(1)).unwrap_or(u32::MAX));
        let cpu = cpu.as_secs_f64() * 1e3 / each;
        let further = if count > 1 {
            format!(", {:.0} KB each further", (all - one) / (count - 1) as f64 / 1e3)
        } else {
            String::new()
        };
        writeln!(
            io::stdout(),
            "{count} sessions: {cpu:.1} ms CPU each, {:.0} KB resident with one{further}",
            one / 1e3
        )
        .expect("standard output");
    }
}

criterion_group!(benches, sessions);
criterion_main!(benches);
