//! The conformance suite of the contracts, against the double with real sshd pods.

use fargate_core::testkit::LauncherBench;
use fargate_test_support::eks::{EksDouble, EksOptions};

async fn factory() -> LauncherBench {
    let double = EksDouble::start(EksOptions::default()).await;
    LauncherBench {
        launcher: crate::bench::launcher(&double).await,
        again: crate::bench::launcher(&double).await,
        authorized_key: crate::bench::KEY.to_owned(),
        guard: Box::new(double),
    }
}

fargate_core::launcher_conformance!(factory);
