//! The launcher suite every backend has to pass.

use std::sync::Arc;

use fargate_core::testkit::LauncherBench;

use crate::common;

async fn bench() -> LauncherBench {
    let root = tempfile::tempdir().expect("a directory");
    LauncherBench {
        launcher: Arc::new(common::launcher(root.path())),
        again: Arc::new(common::launcher(root.path())),
        authorized_key: common::AUTHORIZED_KEY.into(),
        guard: Box::new(root),
    }
}

fargate_core::launcher_conformance!(bench);
