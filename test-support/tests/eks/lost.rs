//! Commands whose connection is lost.

use std::path::PathBuf;
use std::time::Duration;

use fargate_test_support::eks::{EksOptions, Fault, LostOutput, StreamOptions, Trouble};
use tempfile::TempDir;

use crate::client::{alive, dead};
use crate::socket::{FLOOD, Socket, V4, V5, command, exec_path, held_up, idle};

/// A file a command of a pod writes to.
struct Witness {
    _directory: TempDir,
    path: PathBuf,
}

impl Witness {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("witness");
        Self { _directory: directory, path }
    }

    fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    async fn says(&self, wanted: &str) {
        for _ in 0..6000 {
            if std::fs::read_to_string(&self.path).is_ok_and(|text| text == wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?} instead of {wanted:?}", std::fs::read_to_string(&self.path));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_lives_on_without_its_client() {
    let (double, client) = idle(command()).await;
    for protocol in [V5, V4] {
        for cut in [true, false] {
            let witness = Witness::new();
            // Its standard input ends.
            let script = format!("echo $$; cat; echo $? > {}; exec sleep 1000", witness.path());
            let path = exec_path("a", &["sh", "-c", &script]);
            let mut socket = Socket::open(&client, &path, protocol).await.unwrap();
            let pid = socket.until(1, "\n").await.trim().parse().unwrap();
            if cut {
                double.cut_connections();
                assert!(socket.broken().await);
            } else {
                drop(socket);
            }
            witness.says("0\n").await;
            assert!(alive(pid));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_frame_ends_the_connection_but_not_the_command() {
    let (_double, client) = idle(command()).await;
    let witness = Witness::new();
    let script = format!("cat; echo over > {}; exec sleep 1000", witness.path());
    let path = exec_path("a", &["sh", "-c", &script]);
    let mut socket = Socket::open(&client, &path, V4).await.unwrap();
    socket.inner.close(None).await.unwrap();
    witness.says("over\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_v5_output_that_nobody_gets_is_discarded() {
    let (_double, client) = idle(command()).await;
    let witness = Witness::new();
    let script = format!("echo $$; cat; {FLOOD}; echo $? > {}", witness.path());
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", &script]).await;
    let pid = socket.until(1, "\n").await.trim().parse().unwrap();
    drop(socket);
    witness.says("0\n").await;
    dead(pid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_v4_output_that_nobody_gets_holds_the_command_up() {
    let (double, client) = idle(command()).await;
    let witness = Witness::new();
    let script = format!("echo $$; cat; echo flows > {}; exec {FLOOD}", witness.path());
    let path = exec_path("a", &["sh", "-c", &script]);
    let mut socket = Socket::open(&client, &path, V4).await.unwrap();
    let pid: u32 = socket.until(1, "\n").await.trim().parse().unwrap();
    drop(socket);
    witness.says("flows\n").await;
    held_up(pid).await;
    double.delete_pod("a");
    dead(pid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_may_be_refused_instead() {
    let streams =
        StreamOptions { lost_output: Some(LostOutput::Broken), ..StreamOptions::default() };
    let (_double, client) = idle(EksOptions { streams, ..command() }).await;
    let witness = Witness::new();
    let script = format!("echo $$; cat; {FLOOD}; echo $? > {}", witness.path());
    let mut socket = Socket::exec(&client, "a", &["sh", "-c", &script]).await;
    socket.until(1, "\n").await;
    drop(socket);
    // SIGPIPE is the 13th.
    witness.says("141\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_has_started_the_command() {
    let (double, client) = idle(command()).await;
    let witness = Witness::new();
    let path = exec_path("a", &["sh", "-c", &format!("echo ran >> {}", witness.path())]);
    for trouble in [Trouble::CutBefore, Trouble::CutAfter] {
        double.inject(Fault::new("get", "pods/exec", trouble));
        let opened = Socket::open_as(&client, client.authorization(), &path, V5).await;
        assert!(opened.is_err());
    }
    witness.says("ran\n").await;
    Socket::open(&client, &path, V5).await.unwrap().ended().await;
    witness.says("ran\nran\n").await;
}
