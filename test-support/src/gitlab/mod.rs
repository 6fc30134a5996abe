//! What a pipeline asks of GitLab, as a server of this machine: a git repository over HTTP, the
//! endpoint of artifacts, and an object store for caches.

mod git;
mod server;
mod store;

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use self::git::Repository;
use self::store::Store;

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct GitLab {
    url: String,
    site: Arc<Site>,
    server: AbortHandle,
}

/// What the server answers from.
#[derive(Debug)]
struct Site {
    /// The token of every job.
    token: String,
    /// What makes the URL of a cache valid.
    signature: String,
    repository: Repository,
    store: Store,
}

impl GitLab {
    /// Starts a server on a free port of every address of this machine; its URLs name it by
    /// `address`, such as [`HOST_ADDRESS`](crate::ecs::HOST_ADDRESS). `token` is the token of
    /// every job.
    ///
    /// # Panics
    /// When it cannot listen, or git is not installed.
    pub async fn start(address: Ipv4Addr, token: &str) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a free port");
        let port = listener.local_addr().expect("the port").port();
        let site = Arc::new(Site {
            token: token.to_owned(),
            signature: crate::random::hex(16),
            repository: Repository::new(),
            store: Store::default(),
        });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&site))).abort_handle();
        Self { url: format!("http://{address}:{port}"), site, server }
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the repository with the job's credentials, as `git_info.repo_url` has it.
    #[must_use]
    pub fn repository(&self) -> String {
        let rest = self.url.trim_start_matches("http://");
        format!("http://gitlab-ci-token:{}@{rest}/{}", self.site.token, git::PATH)
    }

    /// Commits these files to branch `main` and returns the commit.
    ///
    /// # Panics
    /// When git fails.
    #[must_use]
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        self.site.repository.commit(files)
    }

    /// A URL that reads and writes the cache of that name, as one that an object store signed.
    #[must_use]
    pub fn cache(&self, name: &str) -> String {
        format!("{}/cache/{name}?signature={}", self.url, self.site.signature)
    }

    /// The archive of a job's artifacts.
    #[must_use]
    pub fn artifacts(&self, job: u64) -> Option<Vec<u8>> {
        self.site.store.get(&store::artifacts(job)).map(|bytes| bytes.to_vec())
    }

    /// The archive of that name among the caches.
    #[must_use]
    pub fn cached(&self, name: &str) -> Option<Vec<u8>> {
        self.site.store.get(&store::cache(name)).map(|bytes| bytes.to_vec())
    }
}

impl Drop for GitLab {
    fn drop(&mut self) {
        self.server.abort();
    }
}
