//! Programs of this workspace that tests start.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The path of `fargate-agent`: the one `FARGATE_TEST_AGENT` names, which `scripts/test` has just
/// built with everything else, or one built from the present sources once per test process.
///
/// # Panics
/// When it is not there or cannot be built.
#[must_use]
pub fn agent() -> PathBuf {
    static AGENT: OnceLock<PathBuf> = OnceLock::new();
    let build = || build("fargate-task-agent", "fargate-agent");
    AGENT.get_or_init(|| named("FARGATE_TEST_AGENT").unwrap_or_else(build)).clone()
}

/// The path of the agent as a static program: the one `FARGATE_TEST_STATIC_AGENT` names, or one
/// built once per test process.
///
/// # Panics
/// When it is not there or cannot be built.
#[must_use]
pub fn static_agent() -> PathBuf {
    static AGENT: OnceLock<PathBuf> = OnceLock::new();
    AGENT.get_or_init(|| named("FARGATE_TEST_STATIC_AGENT").unwrap_or_else(build_static)).clone()
}

/// The file that the environment names.
fn named(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from)?;
    assert!(path.is_file(), "{variable} names {}, which is no file", path.display());
    Some(path)
}

fn build_static() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/build-static-agent");
    let built = Command::new(script).stderr(Stdio::inherit()).output().expect("bash starts");
    assert!(built.status.success(), "the static agent does not build");
    PathBuf::from(String::from_utf8_lossy(&built.stdout).trim())
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
