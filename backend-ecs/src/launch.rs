//! One launch: the places in order, with one idempotency token per attempt.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types::Task;
use fargate_aws_access::from_sdk;
use fargate_core::{Backoff, Error, ErrorKind, Result, Retry, TaskSpec};
use tokio::time::{Instant, sleep_until};

use crate::client_token::client_token;
use crate::config::EcsConfig;
use crate::deadline::after;
use crate::error::{RUN_TASK, outcome_unknown, unknown};
use crate::failure::not_started;
use crate::placement::{Place, Spent, places};
use crate::run_task::request;
use crate::{adopt, handle, tags};

/// A task that ECS has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) arn: String,
    /// Seconds since 1970.
    pub(crate) since: u64,
}

impl Accepted {
    pub(crate) fn read(task: &Task) -> Option<Self> {
        let created = task.created_at().and_then(|time| u64::try_from(time.secs()).ok());
        Some(Self { arn: task.task_arn()?.to_owned(), since: created.unwrap_or_else(handle::now) })
    }
}

/// What an attempt at one place came to.
enum Attempt {
    Accepted(Accepted),
    Full(Error),
}

pub(crate) struct Launch<'a> {
    client: &'a Client,
    config: &'a EcsConfig,
    spec: &'a TaskSpec,
    /// The task definition to run.
    definition: &'a str,
    deadline: Instant,
    /// Whether some attempt may have started a task although no answer said so. Only a task that
    /// is found settles it: a later refusal is about the later request.
    doubt: bool,
    /// Counts the places tried; each has a token of its own.
    attempt: u32,
    tagged: bool,
    may_list: bool,
    full: Vec<String>,
    places: Vec<Place>,
}

impl<'a> Launch<'a> {
    pub(crate) fn new(
        client: &'a Client,
        config: &'a EcsConfig,
        spec: &'a TaskSpec,
        definition: &'a str,
        deadline: Instant,
        spent: &[Spent],
    ) -> Self {
        Self {
            client,
            config,
            spec,
            definition,
            deadline,
            doubt: false,
            attempt: 0,
            tagged: true,
            may_list: true,
            full: Vec::new(),
            places: places(config, spec, spent),
        }
    }

    pub(crate) async fn run(mut self) -> Result<Accepted> {
        match self.everywhere().await {
            Ok(task) => Ok(task),
            Err(error) => self.give_up(error).await,
        }
    }

    /// Tries every place, over and over, until the deadline.
    async fn everywhere(&mut self) -> Result<Accepted> {
        let places = std::mem::take(&mut self.places);
        let pace = &self.config.pace;
        let mut pause = Backoff::new(pace.first_pause, pace.max_pause);
        let mut round = 0_u32;
        let mut last = None;
        loop {
            for place in &places {
                if round > 0 && Instant::now() >= self.deadline {
                    break;
                }
                match self.at(place).await? {
                    Attempt::Accepted(task) => return Ok(task),
                    Attempt::Full(error) => last = Some(self.note_full(place, error)),
                }
            }
            // Another call with this key may have found room under a token of its own. Looking
            // takes calls too, so once for all places.
            if let Some(task) = self.started_elsewhere().await {
                return Ok(task);
            }
            round += 1;
            let next = after(pause.next_pause());
            if next >= self.deadline {
                return Err(self.no_room(round, last));
            }
            sleep_until(next).await;
        }
    }

    /// The end of a launch: the task that may be there after all, or what went wrong.
    async fn give_up(&mut self, error: Error) -> Result<Accepted> {
        if !self.doubt && error.kind().retry() != Retry::Soon {
            return Err(error);
        }
        match self.started_elsewhere().await {
            Some(task) => Ok(task),
            None if self.doubt => Err(unknown(error)),
            None => Err(error),
        }
    }

    /// Tries one place until it says yes, full, or what patience cannot mend.
    ///
    /// The token stays the same, so that a lost answer cannot start a second task.
    async fn at(&mut self, place: &Place) -> Result<Attempt> {
        let pace = &self.config.pace;
        let mut pause = Backoff::new(pace.api_first_pause, pace.max_pause);
        let mut deadline = self.deadline;
        let reachable_by = after(pace.api_patience);
        loop {
            let token = client_token(&self.spec.key, self.attempt, self.tagged);
            let request = request(
                self.client,
                self.config,
                self.spec,
                self.definition,
                place,
                &token,
                self.tagged,
            )?;
            // One attempt: the SDK's own ones would hide that an answer was lost.
            let once = aws_sdk_ecs::Config::builder().retry_config(RetryConfig::disabled());
            let error = match request.customize().config_override(once).send().await {
                Ok(answer) => match answer.tasks().first().and_then(Accepted::read) {
                    Some(task) => return Ok(Attempt::Accepted(task)),
                    None => {
                        self.doubt |= answer.failures().is_empty();
                        not_started(answer.failures())
                    }
                },
                Err(error) => {
                    if let Some(RunTaskError::ConflictException(conflict)) =
                        error.as_service_error()
                    {
                        // Something was started under our token, and may be ours.
                        self.doubt = true;
                        if let Some(task) = self.holder(conflict.resource_ids()).await? {
                            return Ok(Attempt::Accepted(task));
                        }
                        // Whoever holds the token is not visible yet, but soon.
                        deadline = deadline.min(after(self.config.pace.invisible));
                    }
                    let told = from_sdk(RUN_TASK, &error);
                    self.doubt |= outcome_unknown(&error, &told);
                    told
                }
            };
            let error = self.on_what(error, place);
            if self.tagged && tags::refused(&error) {
                tracing::warn!(
                    reason = error.message(),
                    "the task starts without tags: allow ecs:TagResource to the driver"
                );
                self.tagged = false;
                continue;
            }
            match error.kind() {
                ErrorKind::Capacity => return Ok(Attempt::Full(error)),
                ErrorKind::Throttled
                | ErrorKind::Unavailable
                | ErrorKind::ConnectionLost
                | ErrorKind::Conflict => {}
                // Most often a wrong Region or no route, which ten minutes do not mend.
                ErrorKind::ConnectFailed => deadline = deadline.min(reachable_by),
                _ => return Err(error),
            }
            let next = after(pause.next_pause());
            if next >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, "starting the task again under the same token");
            sleep_until(next).await;
        }
    }

    /// Adds what the kind of refusal is about.
    fn on_what(&self, error: Error, place: &Place) -> Error {
        let error = match error.kind() {
            ErrorKind::NotFound | ErrorKind::InvalidConfig => {
                error.with("cluster", &self.config.cluster).with("task definition", self.definition)
            }
            _ => error,
        };
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::Unauthenticated => error,
            _ => error.with("place", place.to_string()),
        }
    }

    /// The task that holds our token, if it can be seen.
    async fn holder(&self, arns: &[String]) -> Result<Option<Accepted>> {
        if arns.is_empty() {
            return Ok(None);
        }
        let tasks = match adopt::describe(self.client, &self.config.cluster, arns).await {
            Err(error) if error.kind().retry() == Retry::Soon => return Ok(None),
            described => described?,
        };
        let Some(task) = tasks.first() else { return Ok(None) };
        if task.started_by() != Some(self.spec.owner.as_str()) {
            return Err(Error::new(
                ErrorKind::Conflict,
                RUN_TASK.op,
                format!("the key {} belongs to a task of another owner", self.spec.key),
            )
            .with("task", arns.join(", ")));
        }
        Ok(Accepted::read(task))
    }

    /// A running task of this key that another token started.
    async fn started_elsewhere(&mut self) -> Option<Accepted> {
        if !self.may_list {
            return None;
        }
        match adopt::find(self.client, &self.config.cluster, self.spec).await {
            Ok(task) => task.as_ref().and_then(Accepted::read),
            Err(error) => {
                self.may_list = error.kind() != ErrorKind::PermissionDenied;
                tracing::debug!(%error, "cannot look for a task of the same key");
                None
            }
        }
    }

    fn note_full(&mut self, place: &Place, error: Error) -> Error {
        self.attempt += 1;
        let name = place.to_string();
        if self.full.contains(&name) {
            tracing::debug!(%place, "still no room for the task");
        } else {
            tracing::info!(%place, reason = error.message(), "no room for the task");
            self.full.push(name);
        }
        error
    }

    fn no_room(&self, rounds: u32, last: Option<Error>) -> Error {
        let error = Error::new(
            ErrorKind::Capacity,
            RUN_TASK.op,
            format!("AWS has no room for the task: {} place(s) tried", self.full.len()),
        )
        .with("places", self.full.join("; "))
        .with("rounds", rounds.to_string());
        let Some(last) = last else { return error };
        let error = error.with("last answer", last.message());
        let error = match last.advice() {
            Some(hint) => error.hint(hint.to_owned()),
            None => error,
        };
        error.source(last)
    }
}
