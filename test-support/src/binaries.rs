//! Programs of this workspace that tests start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of `fargate-agent`: the one `FARGATE_TEST_AGENT` names, which `scripts/test` has just
/// built with everything else, or one built from the present sources once per test process.
///
/// # Panics
/// When it is not there or cannot be built.
#[must_use]
pub fn agent() -> PathBuf {
    static AGENT: OnceLock<PathBuf> = OnceLock::new();
    let find = || match std::env::var_os("FARGATE_TEST_AGENT").map(PathBuf::from) {
        Some(path) => {
            assert!(
                path.is_file(),
                "FARGATE_TEST_AGENT names {}, which is no file",
                path.display()
            );
            path
        }
        None => build("fargate-task-agent", "fargate-agent"),
    };
    AGENT.get_or_init(find).clone()
}

fn build(package: &str, program: &str) -> PathBuf {
    // A test runs as <target>/<profile>/deps/<test>; programs are in <target>/<profile>.
    let test = std::env::current_exe().expect("a test has a path");
    let profile_dir = test.parent().and_then(Path::parent).expect("a test is in target/*/deps");
    let target_dir = profile_dir.parent().expect("a profile is in the target directory");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--package", package, "--bin", program, "--target-dir"])
        .arg(target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile_dir.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().expect("cargo starts");
    assert!(status.success(), "{program} does not build");
    profile_dir.join(program)
}
