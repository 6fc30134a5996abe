//! The bodies of the scripts that GitLab Runner writes for a job's stages.
//!
//! In the shape of `shells/abstract.go`, as its writer for bash puts it: every word of a command is
//! quoted, and what needs the runner's own program is done only where that program starts.

/// What the scripts of one job are about.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The URL of GitLab.
    pub(crate) gitlab: String,
    /// The URL of the repository, with the job's credentials.
    pub(crate) repository: String,
    pub(crate) commit: String,
    /// The URL that reads and writes the job's cache.
    pub(crate) cache: String,
    pub(crate) job: u64,
    pub(crate) token: String,
}

impl Project {
    /// Where the job's sources are: below the `builds_dir` of the config stage.
    pub(crate) const DIRECTORY: &str = "/builds/group/app";
    const CACHE_FILE: &str = "../../../cache/group/app/default/cache.zip";

    /// Fetches the commit with `GIT_STRATEGY: fetch` and a depth of 20.
    pub(crate) fn get_sources(&self) -> String {
        let Self { repository, commit, .. } = self;
        let at = Self::DIRECTORY;
        format!(
            r#"echo "Fetching changes with git depth set to 20..."
"mkdir" -p "{at}.tmp/git-template"
"git" "config" "-f" "{at}.tmp/git-template/config" "init.defaultBranch" "none"
"git" "config" "-f" "{at}.tmp/git-template/config" "fetch.recurseSubmodules" "false"
"git" "config" "-f" "{at}.tmp/git-template/config" "credential.interactive" "never"
"git" "config" "-f" "{at}.tmp/git-template/config" "gc.autoDetach" "false"
rm -f "{at}/.git/index.lock" "{at}/.git/shallow.lock" "{at}/.git/HEAD.lock"
"git" "init" "{at}" "--template" "{at}.tmp/git-template"
cd "{at}"
if "git" "remote" "add" "origin" "{repository}" >/dev/null 2>&1; then
  echo "Created fresh repository."
else
  "git" "remote" "set-url" "origin" "{repository}"
fi
"git" "-c" "http.userAgent=gitlab-runner 19.3.0 linux/amd64" "fetch" "origin" "--no-recurse-submodules" "+{commit}:refs/pipelines/1" "+refs/heads/main:refs/remotes/origin/main" "--depth" "20" "--prune" "--quiet"
echo "Checking out {commit} as detached HEAD (ref is main)..."
"git" "-c" "submodule.recurse=false" "checkout" "-f" "-q" "{commit}"
"git" "clean" "-ffdx"
echo "Skipping Git submodules setup"
"#
        )
    }

    pub(crate) fn restore_cache(&self) -> String {
        let command = format!(
            r#"if "gitlab-runner" "cache-extractor" "--file" "{}" "--timeout" "10" "--url" "{}"; then
    echo "Successfully extracted cache"
  else
    echo "Failed to extract cache"
  fi"#,
            Self::CACHE_FILE,
            self.cache
        );
        guarded("Extracting cache", &format!("echo \"Checking cache for default...\"\n  {command}"))
    }

    pub(crate) fn archive_cache(&self, path: &str) -> String {
        let command = format!(
            r#"if "gitlab-runner" "cache-archiver" "--file" "{}" "--timeout" "10" "--path" "{path}" "--url" "{}"; then
    echo "Created cache"
  else
    echo "Failed to create cache"
  fi"#,
            Self::CACHE_FILE,
            self.cache
        );
        guarded("Creating cache", &format!("echo \"Creating cache default...\"\n  {command}"))
    }

    pub(crate) fn upload_artifacts(&self, path: &str) -> String {
        let Self { gitlab, token, job, .. } = self;
        guarded(
            "Uploading artifacts",
            &format!(
                r#"echo "Uploading artifacts..."
  "gitlab-runner" "artifacts-uploader" "--url" "{gitlab}/" "--token" "{token}" "--id" "{job}" "--path" "{path}" "--artifact-format" "zip" "--artifact-type" "archive""#
            ),
        )
    }

    /// Downloads the artifacts of an earlier job.
    pub(crate) fn download_artifacts(&self, job: u64) -> String {
        let Self { gitlab, token, .. } = self;
        guarded(
            "Downloading artifacts",
            &format!(
                r#"echo "Downloading artifacts for test ({job})..."
  "gitlab-runner" "artifacts-downloader" "--url" "{gitlab}/" "--token" "{token}" "--id" "{job}""#
            ),
        )
    }

    /// A script of the job's author, which begins in the sources.
    pub(crate) fn build(script: &str) -> String {
        format!("cd \"{}\"\n{script}\n", Self::DIRECTORY)
    }
}

/// What the runner's program does, in the sources; without the program the stage does nothing.
fn guarded(what: &str, command: &str) -> String {
    Project::build(&format!(
        "if \"gitlab-runner\" \"--version\" >/dev/null 2>&1; then\n  {command}\nelse\n  \
         echo \"Missing gitlab-runner. {what} is disabled.\"\nfi"
    ))
}
