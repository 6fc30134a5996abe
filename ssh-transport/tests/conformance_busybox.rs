//! The conformance kit against the agent in images that have busybox and nothing else.

use std::path::Path;
use std::sync::Arc;

use fargate_core::Endpoint;
use fargate_core::testkit::{ANOTHER_HOST_KEY, TransportBench};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::binaries;
use fargate_test_support::contained::ContainedAgent;
use fargate_test_support::rootfs::{Entry, Rootfs};

/// An agent in `root`, started by an entry point that stays its parent: a case of the kit kills the
/// agent from inside, which the kernel does not allow with a namespace's first process.
fn bench(root: Rootfs, entry: &Entry, home: Option<&Path>) -> TransportBench {
    let key = SshKey::generate().expect("a key");
    let entry_point = ["/bin/sh", "-c", r#""$@"; exit $?"#, "entry-point"];
    let agent = ["/fargate/fargate-agent", "--listen", "127.0.0.1:0", "--deadline", "10m"];
    let mut command = entry.command(entry_point.into_iter().chain(agent));
    command.env_clear().env("PATH", "/bin");
    command.env("SSH_PUBLIC_KEY", key.public_line("conformance").expect("a line"));
    if let Some(home) = home {
        command.env("HOME", home);
    }
    let agent = ContainedAgent::start(command);
    TransportBench {
        exec: Arc::new(SshExec::new(SshConfig::default(), key)),
        stranger: Arc::new(SshExec::new(SshConfig::default(), SshKey::generate().expect("a key"))),
        endpoint: Endpoint::Ssh {
            host: agent.address().ip().to_string(),
            port: agent.address().port(),
            user: "root".into(),
            host_key: None,
        },
        another_identity: ANOTHER_HOST_KEY.to_owned(),
        names_signals: true,
        // In this order: the agent ends before its root goes.
        guard: Box::new((agent, root)),
    }
}

/// A root with busybox and the agent.
fn root() -> Rootfs {
    let root = Rootfs::busybox();
    root.directory("/fargate", 0o755);
    root.program(&binaries::static_agent(), "/fargate/fargate-agent");
    root
}

mod as_root {
    use super::*;

    async fn bench() -> TransportBench {
        let root = root();
        root.directory("/root", 0o700);
        let entry = root.entry();
        super::bench(root, &entry, Some(Path::new("/root")))
    }

    fargate_core::transport_conformance!(bench);
}

/// A user without an entry anywhere and without a home, on a root that cannot be written to.
mod as_anybody_on_a_read_only_root {
    use super::*;

    async fn bench() -> TransportBench {
        let root = root();
        let entry = root.entry().user(1000).read_only().memory("/tmp", 64 << 20);
        super::bench(root, &entry, None)
    }

    fargate_core::transport_conformance!(bench);
}

/// What the kit does not ask for, because a server need not be in an image.
mod image {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use fargate_core::{Collected, Error, ExecRequest, ExitStatus, Result};

    use super::*;

    async fn run(bench: &TransportBench, script: &'static str) -> (Result<ExitStatus>, Collected) {
        let mut out = Collected::default();
        let at = bench.exec.probe(&bench.endpoint).await.expect("it answers");
        let ended = bench.exec.exec(&at, ExecRequest::script(script), &mut out).await;
        (ended, out)
    }

    /// Every file in the tree.
    fn files(directory: &Path) -> BTreeSet<PathBuf> {
        let mut all = BTreeSet::new();
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.is_symlink() {
                all.extend(files(&path));
            }
            all.insert(path);
        }
        all
    }

    /// The error of a script that could not start.
    async fn refusal(root: Rootfs, entry: &Entry) -> Error {
        let bench = super::bench(root, entry, None);
        let (ended, out) = run(&bench, "echo ran").await;
        assert_eq!(out, Collected::default());
        ended.expect_err("it cannot start")
    }

    #[tokio::test]
    async fn agent_and_scripts_leave_nothing_in_the_image() {
        let root = root();
        let tree = root.path().to_owned();
        let before = files(&tree);
        let entry = root.entry();
        let bench = super::bench(root, &entry, None);
        let (ended, out) = run(&bench, "ls -A /tmp; echo ran").await;
        assert_eq!(ended.expect("ends"), ExitStatus::Code(0));
        assert_eq!(out.stdout_text(), "ran\n");
        assert_eq!(files(&tree), before);
    }

    #[tokio::test]
    async fn image_with_nowhere_to_write_is_told() {
        let root = root();
        let entry = root.entry().user(1000).read_only();
        let error = refusal(root, &entry).await;
        let tried = "no directory can be written to (tried /tmp, /dev/shm, /var/tmp and /)";
        assert!(error.report().to_string().contains(tried), "{error:?}");
    }

    #[tokio::test]
    async fn container_without_proc_is_told() {
        let root = root();
        let entry = root.entry().without_proc();
        let error = refusal(root, &entry).await;
        assert!(error.report().to_string().contains("neither /dev/fd nor /proc"), "{error:?}");
    }
}
