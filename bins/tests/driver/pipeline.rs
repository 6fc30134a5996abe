//! Whole pipelines in images that nobody has changed: sources, cache and artifacts by the helper, and
//! services beside the job.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use crate::checks::rewrite;
use crate::harness::{BUILD_FAILURE, ended, eventually, signal};
use crate::pipelines::Pipelines;
use crate::runner_scripts::Project;

/// Talks to the database by both names of the service, and leaves something for artifacts and cache.
const FIRST: &str = "
for program in bash git sshd gitlab-runner; do
  if command -v $program; then exit 3; fi
done
export PGPASSWORD=$POSTGRES_PASSWORD
for i in $(seq 30); do
  if psql -h postgres -U ci app -c 'create table words (word text)'; then break; fi
  sleep 1
done
psql -h db -U ci app -c \"insert into words values ('from the database')\"
mkdir -p out deps
psql -h postgres -U ci -At app -c 'select word from words' >out/report
date +%s >deps/made
cat README
";

const VARIABLES: [(&str, &str); 3] =
    [("POSTGRES_USER", "ci"), ("POSTGRES_PASSWORD", "it's $ecret"), ("POSTGRES_DB", "app")];

impl Pipelines {
    /// The first job: config to cleanup. Returns its id and what it found in the cache.
    async fn first_job(&self) -> (u64, String) {
        let services = json!([{"name": "postgres:16", "alias": "db"}]);
        let job = self.job("busybox-psql:1", services, &VARIABLES);
        let project = self.project(&job);
        self.prepare(&job).await;
        job.script("echo Running on $(hostname)...", "prepare_script").await.ok();
        let sources = self.get_sources(&job).await;
        assert!(sources.stdout_text().contains("Created fresh repository."), "{sources:#?}");
        let restored = job.script(&project.restore_cache(), "restore_cache").await.ok();
        let exports = VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let built = job.script_with(&Project::build(FIRST), &exports, "build_script").await;
        assert_eq!(built.code, Some(0), "{built:#?}\n{}", self.cloud.log());
        assert!(built.stdout_text().ends_with("an app\n"), "{built:#?}");
        let archived = job.script(&project.archive_cache("deps"), "archive_cache").await.ok();
        assert!(archived.stdout_text().contains("Created cache"), "{archived:#?}");
        let upload = project.upload_artifacts("out");
        let uploaded = job.script(&upload, "upload_artifacts_on_success").await.ok();
        assert!(uploaded.stdout_text().contains("201 Created"), "{uploaded:#?}");
        let id = job.id;
        self.finish(job).await;
        (id, restored.stdout_text())
    }

    /// A job that needs the first one's artifacts, and finds its cache.
    async fn second_job(&self, first: u64) {
        let job = self.job("busybox:1", json!([]), &[]);
        let project = self.project(&job);
        self.prepare(&job).await;
        self.get_sources(&job).await;
        let restored = job.script(&project.restore_cache(), "restore_cache").await.ok();
        assert!(restored.stdout_text().contains("Successfully extracted"), "{restored:#?}");
        job.script(&project.download_artifacts(first), "download_artifacts").await.ok();
        let look = "cat out/report; [ -s deps/made ]; cat src/main.c; rm -r out deps README";
        let built = job.script(&Project::build(look), "build_script").await.ok();
        let said = built.stdout_text();
        assert_eq!(said, "from the database\nint main(void) { return 0; }\n");
        self.finish(job).await;
    }
}

/// A database by its aliases, sources, artifacts and cache, in two jobs.
async fn pipeline(pipelines: &Pipelines) {
    let (first, restored) = pipelines.first_job().await;
    assert!(restored.contains("Failed to extract cache"), "{restored}");
    pipelines.second_job(first).await;
}

async fn user(pipelines: &Pipelines) {
    let job = pipelines.job("busybox-user:1", json!([]), &[]);
    pipelines.prepare(&job).await;
    pipelines.get_sources(&job).await;
    let write = "id -u; echo more >>README; rm src/main.c; mkdir out; echo made >out/file; \
                 cat README out/file; rm -r src; exit 42";
    let built = job.script(&Project::build(write), "build_script").await;
    assert_eq!(built.failed_as(BUILD_FAILURE).stdout_text(), "1000\nan app\nmore\nmade\n");
    assert_eq!(job.exit_code().unwrap().lines().next(), Some("42"));

    // The next attempt finds what the job has left, and removes it.
    let again = pipelines.get_sources(&job).await;
    assert!(!again.stdout_text().contains("Created fresh"), "{again:#?}");
    let look = job.script(&Project::build("cat README; ls"), "build_script").await.ok();
    assert_eq!(look.stdout_text(), "an app\nREADME\nsrc\n");
    pipelines.finish(job).await;
}

async fn services_that_stay_down(pipelines: &Pipelines) {
    rewrite(&pipelines.host, "\"60s\"", "\"1s\"");
    let services = json!([{"name": "redis:never-ready"}, {"name": "mysql:crashing"}]);
    let job = pipelines.job("busybox:1", services, &[]);
    let prepared = pipelines.prepare(&job).await;
    let prepared = prepared.says("redis:never-ready").says("waiting for a licence");
    prepared.says("mysql:crashing").says("FATAL: no space left for the journal");
    pipelines.get_sources(&job).await;
    let built = job.script(&Project::build("cat README"), "build_script").await.ok();
    assert_eq!(built.stdout_text(), "an app\n");
    pipelines.finish(job).await;
}

/// The processes of this machine whose command line is these words.
fn processes(words: &str) -> usize {
    let wanted = words.replace(' ', "\0") + "\0";
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line == wanted.as_bytes()).count()
}

async fn cancel(pipelines: &Pipelines) {
    let job = pipelines.job("busybox:1", json!([]), &[]);
    pipelines.prepare(&job).await;
    let sleep = format!("sleep {}", 3_000_000_000 + job.id);
    let slow = format!("git --version; trap '' TERM; {sleep} & {sleep}");
    let running = job.start_script(&slow, "get_sources");
    eventually("the stage's processes", || processes(&sleep) == 2).await;
    signal(&running, Signal::TERM);
    let ended = ended(running).await;
    assert_ne!(ended.code, Some(0), "{ended:#?}");
    eventually("their end", || processes(&sleep) == 0).await;

    job.script("git --version", "get_sources").await.ok();
    let built = job.script("! git --version; echo alive", "after_script").await.ok();
    assert_eq!(built.stdout_text(), "alive\n");
    pipelines.finish(job).await;
}

mod ecs {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pipeline_with_a_database_a_cache_and_artifacts_in_unmodified_images() {
        let pipelines = Pipelines::ecs().await;
        pipeline(&pipelines).await;
        let registered = pipelines.cloud.registered();
        assert!(registered > 0);

        let (first, restored) = pipelines.first_job().await;
        assert!(restored.contains("Successfully extracted cache"), "{restored}");
        pipelines.second_job(first).await;
        assert_eq!(pipelines.cloud.registered(), registered, "the second one registers nothing");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_job_whose_user_is_not_root_can_write_into_its_sources() {
        user(&Pipelines::ecs().await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn services_that_stay_down_are_told_with_their_last_words_and_the_job_goes_on() {
        services_that_stay_down(&Pipelines::ecs().await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancel_in_a_helper_stage_ends_what_it_has_started_and_no_more() {
        cancel(&Pipelines::ecs().await).await;
    }
}

mod eks {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pipeline_with_a_database_a_cache_and_artifacts_in_unmodified_images() {
        pipeline(&Pipelines::eks("ssh").await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_job_whose_user_is_not_root_can_write_into_its_sources() {
        user(&Pipelines::eks("exec").await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn services_that_stay_down_are_told_with_their_last_words_and_the_job_goes_on() {
        services_that_stay_down(&Pipelines::eks("port-forward").await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancel_in_a_helper_stage_ends_what_it_has_started_and_no_more() {
        cancel(&Pipelines::eks("exec").await).await;
    }
}
