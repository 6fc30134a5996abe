//! The conformance suite of the contracts, against the double with real sshd tasks.

use fargate_core::testkit::LauncherBench;
use fargate_test_support::ecs::{EcsDouble, EcsOptions};

async fn factory() -> LauncherBench {
    let double = EcsDouble::start(EcsOptions::default()).await;
    LauncherBench {
        launcher: crate::bench::launcher(&double, crate::bench::config()).await,
        again: crate::bench::launcher(&double, crate::bench::config()).await,
        authorized_key: crate::bench::KEY.to_owned(),
        guard: Box::new(double),
    }
}

fargate_core::launcher_conformance!(factory);
