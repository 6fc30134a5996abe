//! A watch in the background, and what it has told.

use std::sync::Arc;
use std::time::Duration;

use fargate_backend_eks::EksLauncher;
use fargate_core::{ErrorKind, News, Pace, Result, Stopped, TaskHandle, TaskLauncher, TaskStatus};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A hang guard, not a speed goal.
const PATIENCE: Duration = Duration::from_secs(60);

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Status(TaskStatus),
    Notice(String),
    Warning(String),
    Trouble(ErrorKind),
}

impl Heard {
    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Status(TaskStatus::Running { endpoint: Some(_) }))
    }
}

pub(crate) struct Watching {
    news: UnboundedReceiver<Heard>,
    pub(crate) heard: Vec<Heard>,
    end: JoinHandle<Result<Stopped>>,
}

/// Begins to watch.
pub(crate) fn watch(launcher: &Arc<EksLauncher>, task: &TaskHandle) -> Watching {
    let (sender, news) = unbounded_channel();
    let (launcher, task) = (Arc::clone(launcher), task.clone());
    let end = tokio::spawn(async move {
        let mut told = |said: News<'_>| {
            let heard = match said {
                News::Status(status) => Heard::Status(status.clone()),
                News::Notice(text) => Heard::Notice(text.to_owned()),
                News::Warning(text) => Heard::Warning(text.to_owned()),
                News::Trouble(error) => Heard::Trouble(error.kind()),
                other => panic!("unknown news: {other:?}"),
            };
            // A test that has seen enough does not listen any more.
            sender.send(heard).ok();
        };
        launcher.watch(&task, &Pace::local(), &mut told).await
    });
    Watching { news, heard: Vec::new(), end }
}

impl Watching {
    /// Waits for news like this.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Heard) -> bool) -> Heard {
        loop {
            let next = timeout(PATIENCE, self.news.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("no such news: {:?}", self.heard));
            let next = next.unwrap_or_else(|| panic!("it ended before: {:?}", self.heard));
            self.heard.push(next.clone());
            if wanted(&next) {
                return next;
            }
        }
    }

    /// Waits for the end; returns it with everything that was told.
    pub(crate) async fn end(mut self) -> (Result<Stopped>, Vec<Heard>) {
        let ended = timeout(PATIENCE, self.end).await;
        let ended = ended.unwrap_or_else(|_| panic!("it does not end: {:?}", self.heard));
        while let Ok(next) = self.news.try_recv() {
            self.heard.push(next);
        }
        (ended.expect("no panic"), self.heard)
    }
}

/// The warnings among the news.
pub(crate) fn warnings(heard: &[Heard]) -> Vec<&str> {
    let texts = heard.iter().filter_map(|one| match one {
        Heard::Warning(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The notices among the news.
pub(crate) fn notices(heard: &[Heard]) -> Vec<&str> {
    let texts = heard.iter().filter_map(|one| match one {
        Heard::Notice(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}
