use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::ready::ReadyWait;
use super::{News, TaskLauncher};
use crate::{Endpoint, Error, ErrorKind, RemoteExec, Result, Stopped, TaskHandle};

/// How often to ask while waiting for a task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pace {
    /// Pause after the first status question; later ones grow by half.
    pub first_poll: Duration,
    /// Longest pause between status questions.
    pub max_poll: Duration,
    /// Pause between two attempts to reach the task.
    pub probe: Duration,
    /// How long a server may refuse our key before that is final. A plain sshd image may start
    /// its server a moment before it has written the key.
    pub refused_key: Duration,
    /// Pause after a refused key: sshd punishes a source that fails to log in too often
    /// (`PerSourcePenalties` in sshd_config(5), on by default since OpenSSH 9.8).
    pub refused_pause: Duration,
    /// How long [`TaskLauncher::list`] may not show a task that was accepted.
    pub ledger_lag: Duration,
    /// How long an address may fail to answer before [`Waiting::Trouble`] tells of it.
    pub trouble_after: Duration,
}

impl Pace {
    /// For a service with request quotas: 2 s growing to 10 s, probing every 250 ms.
    ///
    /// Fifty waiting jobs then ask about 5 times a second in all; ECS allows 20 DescribeTasks.
    #[must_use]
    pub fn remote() -> Self {
        Self {
            first_poll: Duration::from_secs(2),
            max_poll: Duration::from_secs(10),
            probe: Duration::from_millis(250),
            refused_key: Duration::from_secs(20),
            refused_pause: Duration::from_secs(4),
            ledger_lag: Duration::from_secs(20),
            trouble_after: Duration::from_secs(30),
        }
    }

    /// For a backend on this machine: 5 ms growing to 100 ms.
    #[must_use]
    pub fn local() -> Self {
        Self {
            first_poll: Duration::from_millis(5),
            max_poll: Duration::from_millis(100),
            probe: Duration::from_millis(20),
            refused_key: Duration::from_secs(1),
            refused_pause: Duration::from_millis(100),
            ledger_lag: Duration::ZERO,
            trouble_after: Duration::from_secs(5),
        }
    }
}

/// What a wait has come to; told to the caller as it changes.
#[derive(Debug)]
#[non_exhaustive]
pub enum Waiting<'a> {
    /// The platform's own word for the state, whenever it changes.
    State(&'a str),
    /// The address is known.
    Address(&'a Endpoint),
    /// Something good to know of the task: [`News::Notice`].
    Notice(&'a str),
    /// The platform warns: [`News::Warning`].
    Warning(&'a str),
    /// The address has not answered for [`Pace::trouble_after`]; told once, the wait goes on.
    Trouble(&'a Error),
}

/// Conveniences over any [`TaskLauncher`].
pub trait TaskLauncherExt: TaskLauncher {
    /// Waits until the task accepts commands, and returns the endpoint to use from then on.
    ///
    /// # Behavior
    /// 1. As soon as an address is known it is probed, every [`Pace::probe`], while the task is
    ///    [watched](TaskLauncher::watch) beside it.
    /// 2. A task that stops ends the wait at once with the reason.
    /// 3. Service trouble with [`Retry::Soon`](crate::Retry::Soon) does not end the wait; if it
    ///    outlasts `deadline`, it is the cause that is reported.
    ///
    /// # Errors
    /// The stop of the task as [`Stopped::into_error`], `Timeout` at
    /// `deadline` with the last reason as its cause, `Cancelled`, and whatever
    /// [`TaskLauncher::watch`] or [`RemoteExec::probe`] say that no patience can mend.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    fn wait_ready<'a>(
        &'a self,
        task: &'a TaskHandle,
        exec: &'a dyn RemoteExec,
        pace: &'a Pace,
        deadline: Instant,
        cancel: &'a CancellationToken,
        mut told: impl FnMut(Waiting<'_>) + Send + 'a,
    ) -> impl Future<Output = Result<Endpoint>> + Send + 'a {
        async move { ReadyWait::new(task, exec, pace, &mut told).run(self, deadline, cancel).await }
    }

    /// Waits until the task is over, at most until `deadline`.
    ///
    /// # Errors
    /// `Timeout`, and whatever [`TaskLauncher::watch`] says. A task the backend has forgotten
    /// is over.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    fn wait_stopped<'a>(
        &'a self,
        task: &'a TaskHandle,
        pace: &'a Pace,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<Stopped>>> + Send + 'a {
        async move {
            let mut ignored = |_: News<'_>| {};
            match timeout_at(deadline, self.watch(task, pace, &mut ignored)).await {
                Ok(Ok(stopped)) => Ok(Some(stopped)),
                Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(Error::new(
                    ErrorKind::Timeout,
                    "wait for the task to stop",
                    "it is not over yet",
                )
                .with("task", task.id())),
            }
        }
    }
}

impl<T: TaskLauncher + ?Sized> TaskLauncherExt for T {}
