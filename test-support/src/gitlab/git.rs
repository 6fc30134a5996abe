//! The repository.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::host::on_path;

/// Where the repository is on the server.
pub(super) const PATH: &str = "group/app.git";

/// A directory with a bare repository at [`PATH`].
#[derive(Debug)]
pub(super) struct Repository(TempDir);

impl Repository {
    pub(super) fn new() -> Self {
        let this = Self(tempfile::tempdir().expect("a directory"));
        let bare = this.0.path().join(PATH);
        fs::create_dir_all(&bare).expect("a directory");
        git(&bare, &["init", "--quiet", "--bare", "--initial-branch=main"]);
        // As GitLab does: a pipeline's commit need not be the last one of a branch.
        git(&bare, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
        this
    }

    pub(super) fn commit(&self, files: &[(&str, &str)]) -> String {
        let bare = self.0.path().join(PATH);
        let work = tempfile::tempdir_in(self.0.path()).expect("a directory");
        for (name, text) in files {
            let file = work.path().join(name);
            fs::create_dir_all(file.parent().expect("a file has a parent")).expect("a directory");
            fs::write(file, text).expect("a file");
        }
        let tree = format!("--work-tree={}", work.path().display());
        git(&bare, &[&tree, "add", "--all"]);
        git(&bare, &[&tree, "commit", "--quiet", "--message=change"]);
        git(&bare, &["rev-parse", "HEAD"])
    }

    /// What `git http-backend`, a CGI program (RFC 3875), answers to this request.
    pub(super) async fn answer(&self, request: &Parts, body: &Bytes) -> io::Result<CgiAnswer> {
        let header = |name: &str| {
            request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let mut child = Command::from(bare_git())
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", self.0.path())
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", request.uri.path())
            .env("QUERY_STRING", request.uri.query().unwrap_or_default())
            .env("REQUEST_METHOD", request.method.as_str())
            .env("REMOTE_USER", "gitlab-ci-token")
            .env("CONTENT_TYPE", header("content-type"))
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
            .env("HTTP_GIT_PROTOCOL", header("git-protocol"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        // The program reads the whole request before it answers.
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(body).await?;
        }
        let output = child.wait_with_output().await?;
        CgiAnswer::read(&output.stdout).ok_or_else(|| io::Error::other("no answer of git"))
    }
}

/// An answer in the form of RFC 3875.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CgiAnswer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl CgiAnswer {
    fn read(said: &[u8]) -> Option<Self> {
        let end = said.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&said[..end]).ok()?;
        let mut headers: Vec<_> = head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let status = headers.iter().find(|(name, _)| name == "Status");
        let status = status.and_then(|(_, value)| value.get(..3)?.parse().ok()).unwrap_or(200);
        headers.retain(|(name, _)| name != "Status");
        Some(Self { status, headers, body: Bytes::copy_from_slice(&said[end + 4..]) })
    }
}

/// Runs git in `directory` and returns what it prints.
fn git(directory: &Path, words: &[&str]) -> String {
    let output = bare_git().current_dir(directory).args(words).output().expect("git starts");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {words:?}: {said}{errors}");
    said
}

/// git without this machine's and its user's configuration.
fn bare_git() -> std::process::Command {
    let git: PathBuf = on_path("git");
    let mut command = std::process::Command::new(git);
    command
        .env_clear()
        .env("PATH", crate::host::PATH)
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .envs([("GIT_AUTHOR_NAME", "ci"), ("GIT_AUTHOR_EMAIL", "ci@example.com")])
        .envs([("GIT_COMMITTER_NAME", "ci"), ("GIT_COMMITTER_EMAIL", "ci@example.com")]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_cgi_program_are_read() {
        let answer = CgiAnswer::read(b"Status: 404 Not Found\r\nExpires: 0\r\n\r\n\xff").unwrap();
        assert_eq!((answer.status, &answer.body[..]), (404, &b"\xff"[..]));
        assert_eq!(answer.headers, [("Expires".to_owned(), "0".to_owned())]);
        assert_eq!(CgiAnswer::read(b"A: b\r\n\r\n").unwrap().status, 200);
        assert_eq!(CgiAnswer::read(b"A: b\r\n"), None);
    }
}
