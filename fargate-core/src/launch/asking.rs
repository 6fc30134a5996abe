//! A watch for platforms that have to be asked.

use tokio::time::sleep;

use super::{News, Pace, TaskLauncher};
use crate::{Backoff, Result, Retry, Stopped, TaskHandle, TaskStatus};

/// [`TaskLauncher::watch`] for a backend whose platform tells nothing by itself: asks for the
/// status at `pace`, with pauses from [`Pace::first_poll`] to [`Pace::max_poll`].
///
/// # Errors
/// Those of [`TaskLauncher::status`] that do not pass by themselves.
///
/// # Cancel safety
/// Cancel-safe.
pub async fn watch_by_asking<L: TaskLauncher + ?Sized>(
    launcher: &L,
    task: &TaskHandle,
    pace: &Pace,
    told: &mut (dyn FnMut(News<'_>) + Send),
) -> Result<Stopped> {
    let mut pause = Backoff::new(pace.first_poll, pace.max_poll);
    let mut last = None;
    loop {
        match launcher.status(task).await {
            Ok(TaskStatus::Stopped(stopped)) => return Ok(stopped),
            Ok(status) => {
                if last.as_ref() != Some(&status) {
                    told(News::Status(&status));
                    last = Some(status);
                }
            }
            Err(error) if error.kind().retry() == Retry::Soon => {
                told(News::Trouble(&error));
                // The next status ends the trouble, so it is news whatever it is.
                last = None;
            }
            Err(error) => return Err(error),
        }
        sleep(pause.next_pause()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::testkit::{Faults, FaultyLauncher, MemoryCloud, Method, When, unique_key};
    use crate::{ErrorKind, StopCause, TaskSpec};

    async fn world() -> (MemoryCloud, Arc<Faults>, FaultyLauncher, TaskHandle) {
        let (cloud, faults) = (MemoryCloud::new(), Faults::new());
        let launcher = FaultyLauncher::new(Arc::new(cloud.clone()), faults.clone());
        let task = launcher.launch(&TaskSpec::new(unique_key("k"), unique_key("o"), "key")).await;
        (cloud, faults, launcher, task.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_told_and_ends_with_the_next_status() {
        let (cloud, faults, launcher, task) = world().await;
        let mut said = Vec::new();
        let mut told = |news: News<'_>| {
            said.push(match news {
                News::Status(_) => "status",
                News::Trouble(_) => "trouble",
                _ => "other",
            });
            match said.len() {
                1 => faults.plan(Method::Status, 2, When::Before(ErrorKind::Throttled)),
                4 => cloud.end_all(&Stopped::new(StopCause::Exited, "the reason")),
                _ => {}
            }
        };
        let pace = Pace::remote();
        let watch = watch_by_asking(&launcher, &task, &pace, &mut told);
        let ended = timeout(Duration::from_secs(600), watch).await.expect("it ends");
        assert_eq!(ended.unwrap().reason, "the reason");
        assert_eq!(said, ["status", "trouble", "trouble", "status"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_patience_can_mend_ends_the_watch() {
        let (_, faults, launcher, task) = world().await;
        faults.plan(Method::Status, 1, When::Before(ErrorKind::PermissionDenied));
        let watch = watch_by_asking(&launcher, &task, &Pace::remote(), &mut |_| {}).await;
        assert_eq!(watch.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}
