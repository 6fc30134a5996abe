//! Memory under a stalled reader; alone in its process, because it measures the process.

mod common;

use std::time::Duration;

use fargate_core::{ErrorKind, ExecRequest, RemoteExec};
use tokio_util::sync::CancellationToken;

use common::{known, run, server};

fn resident_bytes() -> usize {
    // proc_pid_statm(5): the second number, in pages.
    let statm = std::fs::read_to_string("/proc/self/statm").expect("test set-up");
    statm.split(' ').nth(1).expect("test set-up").parse::<usize>().expect("test set-up") * 4096
}

#[tokio::test]
async fn a_stalled_reader_bounds_memory() {
    let (sshd, exec) = server();
    let at = known(&sshd);
    run(&exec, &at, ExecRequest::script("echo warm")).await;
    let idle = resident_bytes();
    for script in ["cat /dev/zero", "yes | while read -r l; do echo $l; done"] {
        let cancel = CancellationToken::new();
        let request = ExecRequest::script(script).cancel(cancel.clone());
        let mut sink = common::Each(|_, _| std::future::pending());
        let measure = async {
            let mut most = 0;
            for _ in 0..30 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                most = most.max(resident_bytes());
            }
            cancel.cancel();
            most
        };
        let (result, most) = tokio::join!(exec.exec(&at, request, &mut sink), measure);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        let grown = most.saturating_sub(idle);
        assert!(grown < 12 << 20, "{} KiB above idle with {script}", grown >> 10);
    }
}
