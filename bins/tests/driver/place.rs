//! One test on both backends.

use fargate_test_support::ecs::{EcsDouble, EcsOptions};

use crate::harness::{Host, Job};

/// A host, with the double its tasks run in where it has one.
pub(crate) struct Place {
    pub(crate) host: Host,
    pub(crate) double: Option<EcsDouble>,
}

impl Place {
    pub(crate) async fn local() -> Self {
        Self { host: Host::local(), double: None }
    }

    /// The ECS double, whose tasks are real sshd processes.
    pub(crate) async fn ecs() -> Self {
        let double = EcsDouble::start(EcsOptions::default()).await;
        Self { host: Host::ecs(&double, ""), double: Some(double) }
    }

    /// A job whose task accepts commands.
    pub(crate) async fn prepared(&self) -> Job<'_> {
        let job = self.host.job();
        job.prepare().await.ok();
        job
    }

    /// Cleans the job up and checks that nothing of it is left.
    pub(crate) async fn finish(&self, job: Job<'_>) {
        job.cleanup().await.ok();
        assert_eq!(self.host.metadata_files(), 0);
        let tasks = self.host.directory.path().join("local/tasks");
        let left: Vec<_> = std::fs::read_dir(tasks).into_iter().flatten().flatten().collect();
        let left: Vec<_> = left.iter().filter(|entry| entry.file_name() != ".stopped").collect();
        assert!(left.is_empty(), "{left:?}");
        if let Some(double) = &self.double {
            crate::harness::eventually("the end of every task", || double.running() == 0).await;
        }
    }
}

/// Makes each `async fn(&Place)` of the calling module a test on the local backend, in module
/// `local`, and one on ECS with a real sshd, in module `ecs`.
macro_rules! on_both_backends {
    ($($case:ident),+ $(,)?) => {
        mod local {
            $(#[tokio::test]
            async fn $case() {
                super::$case(&crate::place::Place::local().await).await;
            })+
        }
        mod ecs {
            $(#[tokio::test]
            async fn $case() {
                super::$case(&crate::place::Place::ecs().await).await;
            })+
        }
    };
}

pub(crate) use on_both_backends;
