//! One registration at a time on this machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use fargate_core::Backoff;
use tokio::time::{Instant, sleep_until};

use super::cache::make_directory_of;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Held until it is dropped, or its process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the lock at `path`, which is made where it is missing; `None` if somebody holds it until
/// `until`, or if there can be none. It only saves calls, so whoever does not get it goes on.
///
/// It is asked for again and again: a thread that waits for it could not be ended, and would keep
/// the process alive.
pub(super) async fn take(path: &Path, until: Instant) -> Option<Lock> {
    let mut pause = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
    loop {
        match attempt(path) {
            Ok(Some(lock)) => return Some(lock),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(lock = %path.display(), %error, "going on without a lock");
                return None;
            }
        }
        let next = Instant::now() + pause.next_pause();
        if next >= until {
            tracing::debug!(lock = %path.display(), "somebody holds the lock; going on without");
            return None;
        }
        sleep_until(next).await;
    }
}

fn attempt(path: &Path) -> io::Result<Option<Lock>> {
    make_directory_of(path)?;
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn only_one_holds_it_and_the_next_one_gets_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("below/it.lock");
        let held = take(&path, far()).await.expect("nobody holds it");
        let refused = tokio::time::timeout(Duration::from_secs(60), take(&path, soon()));
        assert!(refused.await.expect("no wait without end").is_none());
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { take(&path, far()).await.is_some() }
        });
        drop(held);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn where_there_can_be_no_lock_nobody_waits_for_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(take(&file.path().join("below"), far()).await.is_none());
    }
}
