//! What a pipeline needs beside tasks: the helper's programs against the server that stands for GitLab.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

use std::net::Ipv4Addr;

use fargate_test_support::gitlab::GitLab;
use fargate_test_support::images::{Image, helper};

const TOKEN: &str = "job-token";

/// A server, and a container of the helper image in this machine's network.
struct World {
    gitlab: GitLab,
    helper: Image,
}

impl World {
    async fn start() -> Self {
        Self { gitlab: GitLab::start(Ipv4Addr::LOCALHOST, TOKEN).await, helper: helper() }
    }

    /// The exit code of a script in the helper, and all it wrote.
    async fn script(&self, script: &str) -> (Option<i32>, String) {
        let script = format!("exec 2>&1; set -e; {script}");
        let mut command = self.helper.entry().command(["/bin/sh", "-c", &script]);
        command.env_clear().envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/root")]);
        let output = tokio::process::Command::from(command).output().await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[tokio::test]
async fn git_clones_with_the_jobs_token_and_with_no_other() {
    let world = World::start().await;
    let old = world.gitlab.commit(&[("README", "old\n"), ("src/main.c", "int x;\n")]);
    let new = world.gitlab.commit(&[("README", "new\n")]);
    let url = world.gitlab.repository();
    let clone = format!(
        "git clone -q --template= --depth 1 {url} /app; cd /app; cat README; git rev-parse HEAD; ls src || :; \
         git fetch -q --depth 1 origin {old}; git checkout -q FETCH_HEAD; cat README src/main.c"
    );
    let (code, said) = world.script(&clone).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with(&format!("new\n{new}\nls: src: No such file")), "{said}");
    assert!(said.ends_with("\nold\nint x;\n"), "{said}");

    let other = url.replace(TOKEN, "other");
    let (code, said) = world.script(&format!("git clone -q {other} /other")).await;
    assert_eq!(code, Some(128), "{said}");
    assert!(said.contains("Authentication failed"), "{said}");
}

#[tokio::test]
async fn artifacts_come_back_as_they_went() {
    let world = World::start().await;
    let place = format!("--url {}/ --token {TOKEN} --id 7", world.gitlab.url());
    let upload = format!(
        "mkdir -p /app/out; cd /app; head -c 100000 /dev/urandom >out/data; echo no >other; \
         echo text >note.txt; sha256sum out/data; \
         gitlab-runner-helper artifacts-uploader {place} --path out/ --path '*.txt' --path nope \
         --artifact-format zip"
    );
    let (code, said) = world.script(&upload).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("WARNING: nope: no matching files"), "{said}");
    assert!(said.contains("201 Created id=7"), "{said}");
    assert!(world.gitlab.artifacts(7).is_some() && world.gitlab.artifacts(8).is_none());

    let sum = said.lines().next().unwrap();
    let download = format!(
        "cd /; rm -r /app; mkdir /app; cd /app; gitlab-runner-helper artifacts-downloader {place}; \
         sha256sum out/data; cat note.txt; ls"
    );
    let (code, said) = world.script(&download).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with(&format!("{sum}\ntext\nnote.txt\nout\n")), "{said}");

    for (wrong, why) in [("--token other", "403"), ("--id 8", "404")] {
        let (code, said) = world
            .script(&format!("gitlab-runner-helper artifacts-downloader {place} {wrong}"))
            .await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(why) && said.contains("FATAL: "), "{said}");
    }
    let wrong = upload.replace(TOKEN, "other");
    let (code, said) = world.script(&wrong).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("coordinator... 403"), "{said}");
}

#[tokio::test]
async fn caches_are_read_and_written_with_the_urls_that_allow_it() {
    let world = World::start().await;
    let url = world.gitlab.cache("default");
    let (code, said) = world
        .script(&format!(
            "cd /; gitlab-runner-helper cache-extractor --file /c/cache.zip --timeout 10 --url '{url}'"
        ))
        .await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FATAL: file does not exist"), "{said}");

    let archive = "mkdir /deps; cd /; echo one >deps/a; \
         gitlab-runner-helper cache-archiver --file /c/cache.zip --timeout 10 --path deps --url";
    let (code, said) = world.script(&format!("{archive} '{url}0'")).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("received: 403"), "{said}");
    let (code, said) = world.script(&format!("rm -r /deps; {archive} '{url}'")).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(world.gitlab.cached("default").is_some());

    let (code, said) = world
        .script(&format!(
            "cd /; rm -r deps c; \
             gitlab-runner-helper cache-extractor --file /c/cache.zip --timeout 10 --url '{url}'; \
             cat deps/a"
        ))
        .await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("one\n"), "{said}");
}

#[tokio::test]
async fn a_flag_that_gitlabs_program_lacks_is_refused() {
    let world = World::start().await;
    let (code, said) = world.script("gitlab-runner-helper cache-archiver --pth x").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("flag provided but not defined: --pth"), "{said}");
}
