//! The wait for a task that accepts commands: a watch and an eager probe, side by side.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{News, Pace, TaskLauncher, Waiting};
use crate::{Endpoint, Error, ErrorKind, RemoteExec, Result, TaskHandle, TaskStatus};

const OP: &str = "wait for the task";

/// What both sides of the wait know.
struct Known<'a> {
    told: &'a mut (dyn FnMut(Waiting<'_>) + Send),
    state: String,
    /// What is wrong with the service, or why the last probe failed.
    trouble: Option<Error>,
}

pub(super) struct ReadyWait<'a> {
    task: &'a TaskHandle,
    exec: &'a dyn RemoteExec,
    pace: &'a Pace,
    address: watch::Sender<Option<Endpoint>>,
    known: Mutex<Known<'a>>,
}

impl<'a> ReadyWait<'a> {
    pub(super) fn new(
        task: &'a TaskHandle,
        exec: &'a dyn RemoteExec,
        pace: &'a Pace,
        told: &'a mut (dyn FnMut(Waiting<'_>) + Send),
    ) -> Self {
        Self {
            task,
            exec,
            pace,
            address: watch::Sender::new(None),
            known: Mutex::new(Known { told, state: String::new(), trouble: None }),
        }
    }

    pub(super) async fn run<L: TaskLauncher + ?Sized>(
        self,
        launcher: &L,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Endpoint> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                Err(Error::new(ErrorKind::Cancelled, OP, "cancelled while the task was starting"))
            }
            ready = self.probe_addresses() => ready,
            ended = self.watch(launcher) => Err(ended),
            () = sleep_until(deadline) => Err(self.timed_out()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<'a>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the task until that alone decides the wait.
    async fn watch<L: TaskLauncher + ?Sized>(&self, launcher: &L) -> Error {
        let mut told = |news: News<'_>| self.note(news);
        match launcher.watch(self.task, self.pace, &mut told).await {
            Ok(stopped) => stopped.into_error("start the task"),
            Err(error) => error,
        }
    }

    fn note(&self, news: News<'_>) {
        match news {
            News::Status(status) => self.note_status(status),
            News::Notice(text) => (self.known().told)(Waiting::Notice(text)),
            News::Warning(text) => (self.known().told)(Waiting::Warning(text)),
            News::Trouble(error) => self.known().trouble = Some(error.clone()),
        }
    }

    fn note_status(&self, status: &TaskStatus) {
        let mut known = self.known();
        let state = match status {
            TaskStatus::Pending { detail, .. } => detail.as_str(),
            _ => "RUNNING",
        };
        if state != known.state {
            state.clone_into(&mut known.state);
            (known.told)(Waiting::State(state));
        }
        let Some(endpoint) = status.endpoint() else {
            known.trouble = None;
            return;
        };
        if self.address.borrow().as_ref() != Some(endpoint) {
            (known.told)(Waiting::Address(endpoint));
            self.address.send_replace(Some(endpoint.clone()));
        }
    }

    /// Probes the newest address until it answers or says what patience cannot mend.
    async fn probe_addresses(&self) -> Result<Endpoint> {
        let mut addresses = self.address.subscribe();
        loop {
            let Some(endpoint) = addresses.borrow_and_update().clone() else {
                self.next_address(&mut addresses).await?;
                continue;
            };
            tokio::select! {
                answer = self.probe(&endpoint) => return answer,
                changed = self.next_address(&mut addresses) => changed?,
            }
        }
    }

    async fn next_address(&self, addresses: &mut watch::Receiver<Option<Endpoint>>) -> Result<()> {
        addresses.changed().await.map_err(|closed| {
            Error::new(ErrorKind::Unexpected, OP, "nobody watches the status").source(closed)
        })
    }

    async fn probe(&self, endpoint: &Endpoint) -> Result<Endpoint> {
        let started = Instant::now();
        let mut told = false;
        let mut refused_since: Option<Instant> = None;
        loop {
            let error = match self.exec.probe(endpoint).await {
                Ok(ready) => return Ok(ready),
                Err(error) => error,
            };
            let refused = error.kind() == ErrorKind::Unauthenticated;
            match error.kind() {
                ErrorKind::Unauthenticated => {
                    let since = *refused_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.pace.refused_key {
                        return Err(error);
                    }
                }
                ErrorKind::ConnectFailed
                | ErrorKind::ConnectionLost
                | ErrorKind::Timeout
                | ErrorKind::Throttled
                | ErrorKind::Unavailable => {}
                _ => return Err(error),
            }
            {
                let mut known = self.known();
                if !told && started.elapsed() >= self.pace.trouble_after {
                    told = true;
                    (known.told)(Waiting::Trouble(&error));
                }
                // A server that has refused the key may drop what follows; the refusal is the news.
                if refused || refused_since.is_none() {
                    known.trouble = Some(error);
                }
            }
            let pause = if refused { self.pace.refused_pause } else { self.pace.probe };
            sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        }
    }

    fn timed_out(&self) -> Error {
        let mut known = self.known();
        let state = if known.state.is_empty() { "UNKNOWN" } else { known.state.as_str() };
        let message = match self.address.borrow().as_ref() {
            Some(at) => format!("{at} did not accept a command before the start timeout"),
            None => format!("no address before the start timeout; the last state was {state}"),
        };
        let error = Error::new(ErrorKind::Timeout, OP, message).with("state", state);
        match known.trouble.take() {
            // The last failed attempt knows the remedy better than the timeout does.
            Some(last) => {
                let hint = last.advice().unwrap_or("raise the start timeout if it is only slow");
                let hint = hint.to_owned();
                error.with("last attempt", last.to_string()).hint(hint).source(last)
            }
            None => error.hint("raise the start timeout if the task is only slow to start"),
        }
    }
}
