//! Keys exchanged anew in the middle of a stream (RFC 4253 section 9).

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

mod common;

use std::time::Duration;

use fargate_core::{ExecRequest, ExitStatus, OutputSink, RemoteExec, Result, Stream, async_trait};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::sshd::{Sshd, SshdOptions};
use tokio::time::timeout;

use common::{known, run};

fn server(rekey_limit: &str) -> (Sshd, SshExec) {
    let key = SshKey::generate().unwrap();
    let sshd = Sshd::start_with(SshdOptions {
        authorized_keys: vec![key.public_line("").unwrap()],
        settings: vec![format!("RekeyLimit {rekey_limit}")],
        ..SshdOptions::default()
    });
    (sshd, SshExec::new(SshConfig::default(), key))
}

#[tokio::test]
async fn rekeying_loses_nothing() {
    let (sshd, exec) = server("1M");
    let script = "i=0; while [ $i -lt 400000 ]; do echo $i; i=$((i+1)); done; exit 8";
    let (status, out) = run(&exec, &known(&sshd), ExecRequest::script(script)).await;
    assert_eq!(status, ExitStatus::Code(8));
    let expected: String = (0..400_000).map(|n| format!("{n}\n")).collect();
    assert!(out.stdout == expected.into_bytes(), "bytes differ");
}

/// Compares with a block that repeats, and keeps nothing.
struct Repeats<'a> {
    block: &'a [u8],
    received: u64,
}

#[async_trait]
impl OutputSink for Repeats<'_> {
    async fn write(&mut self, stream: Stream, mut data: &[u8]) -> Result<()> {
        assert_eq!(stream, Stream::Stdout);
        while !data.is_empty() {
            let length = self.block.len() as u64;
            let expected = &self.block[usize::try_from(self.received % length).unwrap()..];
            let now = data.len().min(expected.len());
            assert!(data[..now] == expected[..now], "bytes differ after {}", self.received);
            self.received += now as u64;
            data = &data[now..];
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The server asks for new keys after each 700 MiB, this side by itself after each GiB.
#[tokio::test]
async fn four_gibibytes_survive_new_keys_from_either_side() {
    /// A hang guard, not a speed goal.
    const PATIENCE: Duration = Duration::from_secs(900);
    const BLOCKS: u64 = 4096;
    let (sshd, exec) = server("700M");
    // Of no round length, so that no packet, window or limit falls on its end each time.
    let mut block = vec![0; (1 << 20) + 7];
    fastrand::fill(&mut block);
    std::fs::write(sshd.home().join("block"), &block).unwrap();
    let script = format!(
        "i=0; while [ $i -lt {BLOCKS} ]; do cat $HOME/block || exit 1; i=$((i+1)); done; exit 8"
    );
    let mut sink = Repeats { block: &block, received: 0 };
    let at = known(&sshd);
    let ended = exec.exec(&at, ExecRequest::script(script), &mut sink);
    let status = timeout(PATIENCE, ended).await.expect("no hang").unwrap();
    assert_eq!(status, ExitStatus::Code(8));
    assert_eq!(sink.received, BLOCKS * block.len() as u64);
}
