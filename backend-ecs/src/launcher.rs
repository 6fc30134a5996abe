//! The launcher.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::Task;
use fargate_aws_access::from_sdk;
use fargate_core::{
    Backoff, Endpoint, Error, ErrorKind, News, Pace, Result, StopCause, Stopped, TaskHandle,
    TaskLauncher, TaskSpec, TaskStatus, async_trait, watch_by_asking,
};
use tokio::join;
use tokio::time::{Instant, sleep};

use crate::class::definition_gone;
use crate::config::EcsConfig;
use crate::deadline::after;
use crate::definition::{Collected, Collection, Collector, Lookup};
use crate::eni::Interfaces;
use crate::error::{DESCRIBE, STOP};
use crate::handle::{BACKEND, EcsTask};
use crate::launch::{Accepted, Launch};
use crate::overrides::overrides;
use crate::placement::Spent;
use crate::signed::Signed;
use crate::status::{Seen, observe};
use crate::{address, adopt, client, container_log, tags};

/// Starts tasks on ECS, on Fargate capacity.
///
/// - [`launch`](TaskLauncher::launch): RunTask with the key as `clientToken`, over every
///   configured subnet and capacity provider, until [`EcsConfig::launch_timeout`] or, if that is
///   shorter, [`TaskSpec::launch_timeout`]. When an answer was lost and no later one told what
///   became of it, the error is [`ErrorKind::ConnectionLost`], whatever came last. Where this
///   instance has seen a task end for want of room, the next one goes last. Two calls
///   with one key are one task as long as the first place has room. Another place needs another
///   token, so after a launch whose outcome is unknown ask [`list`](TaskLauncher::list) first, as
///   `JobLife` does.
/// - [`stop`](TaskLauncher::stop): the grace is ECS's own, the task definition's `stopTimeout`
///   (30 s unless set, 120 s at most); the argument is not used.
/// - [`list`](TaskLauncher::list): by `startedBy`; the key comes from the tag `fargate:key`, so
///   a task that could not be tagged has none.
/// - Short service trouble is borne by the SDK's own attempts ([`EcsPace`](crate::EcsPace)). What
///   outlasts them is an error with [`Retry::Soon`](fargate_core::Retry::Soon): `status`, `stop`
///   and `list` may then be called again. Stopping a task that ECS does not show yet is repeated
///   here until it does, for [`EcsPace::invisible`](crate::EcsPace::invisible) at most.
/// - [`log`](TaskLauncher::log): from CloudWatch Logs, where the task definition logs there with
///   `awslogs`; what a container wrote a moment ago may not be there yet.
/// - [`TaskSpec::deadline`] is the agent's to enforce: ECS knows no such limit, so without
///   [`EcsConfig::agent`] nobody does.
/// - Images and services in [`TaskSpec::needs`] are ignored without [`EcsConfig::agent`], because
///   RunTask overrides no image; sizes, capacity and role are not. With it, the launch runs a task
///   definition that is derived for them, and registers it first where nobody has yet, within the
///   same time. A pull policy is ignored: Fargate pulls for every task. An entry point `[""]` is
///   none at all, so that the agent is run directly.
pub struct EcsLauncher {
    config: EcsConfig,
    region: String,
    client: Client,
    signed: Arc<Signed>,
    interfaces: Interfaces,
    /// Public addresses by task ARN: they do not change while the task lives.
    public: Mutex<HashMap<String, String>>,
    /// Where tasks ended for want of room, as far as this instance has seen.
    spent: Mutex<Vec<Spent>>,
}

impl fmt::Debug for EcsLauncher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcsLauncher")
            .field("cluster", &self.config.cluster)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl EcsLauncher {
    /// A launcher with the credentials of the default chain: environment, profile, container or
    /// instance role; and the role of [`EcsConfig::assume_role`] on top.
    ///
    /// Nothing is sent to AWS yet. Without a region in the settings, the environment or the
    /// profile, the instance metadata service is asked for it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for a contradiction in the settings or an unknown region.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn connect(config: EcsConfig) -> Result<Self> {
        Self::open(config, None).await
    }

    /// A launcher with the credentials, region and endpoint of `sdk`. What `config` says goes
    /// first; retries and time limits are [`EcsConfig::pace`]'s.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn with_sdk_config(config: EcsConfig, sdk: SdkConfig) -> Result<Self> {
        Self::open(config, Some(sdk)).await
    }

    async fn open(config: EcsConfig, sdk: Option<SdkConfig>) -> Result<Self> {
        config.check()?;
        let access = client::access(&config);
        let sdk = access.open(sdk).await?;
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let client = Client::new(&sdk);
        let credentials = access.credentials(&sdk);
        let signed = Arc::new(Signed::new(sdk, credentials, config.pace.api_timeout));
        let interfaces = Interfaces::new(Arc::clone(&signed));
        Ok(Self {
            config,
            region,
            client,
            signed,
            interfaces,
            public: Mutex::default(),
            spent: Mutex::default(),
        })
    }

    /// Deletes task definitions that were derived from the configured one and are not used any
    /// more; `told` hears of each definition with a derived one's name, at the latest when it is
    /// deleted.
    ///
    /// - What is derived says the tag `fargate:base`, which a definition gets when it is registered;
    ///   when it was last used says the tag `fargate:used`, which a launch renews once a day. A
    ///   definition without the first is not touched, whatever its name.
    /// - A definition with a task in the configured cluster that has not stopped is kept. A task
    ///   elsewhere, or one that is started meanwhile, runs on all the same: ECS deletes a
    ///   definition when no task needs it any more.
    /// - A launch that finds its definition gone registers it again.
    /// - Calls are paced, so that launches are not throttled; trouble with one is borne as in a
    ///   launch, for [`EcsConfig::launch_timeout`].
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] without [`EcsConfig::agent`]: nothing is derived then.
    /// [`ErrorKind::PermissionDenied`] names the IAM action. After any error, what was done stays
    /// done, and another call does the rest. What ECS refuses for a single definition is its
    /// [`Fate`](crate::Fate) and no error.
    ///
    /// # Cancel safety
    /// Cancel-safe: a definition that was deregistered and not deleted is deleted by the next call.
    pub async fn collect(
        &self,
        what: &Collection,
        told: &mut (dyn FnMut(&Collected) + Send),
    ) -> Result<()> {
        Collector::new(&self.signed, &self.region, &self.config, what)?.run(told).await
    }

    fn handle(&self, task: &Accepted, key: Option<&str>) -> TaskHandle {
        EcsTask::new(&self.config, &self.region, task.since).into_handle(&task.arn, key)
    }

    async fn start(
        &self,
        spec: &TaskSpec,
        definition: &str,
        deadline: Instant,
    ) -> Result<Accepted> {
        let spent = self.spent().clone();
        Launch::new(&self.client, &self.config, spec, definition, deadline, &spent).run().await
    }

    /// Starts a task of the definition that `lookup` is after. What the cache knows may have been
    /// taken away meanwhile; then it is looked for again, once.
    async fn start_derived(
        &self,
        spec: &TaskSpec,
        lookup: &Lookup<'_>,
        deadline: Instant,
    ) -> Result<Accepted> {
        let found = lookup.run().await?;
        let (started, ()) = join!(self.start(spec, &found.name, deadline), lookup.mark_use(&found));
        match started {
            Err(error) if definition_gone(&error) => {
                tracing::debug!(%error, "the task definition is gone; looking for it again");
                lookup.forget(&found);
                let found = lookup.run().await?;
                self.start(spec, &found.name, deadline).await
            }
            done => done,
        }
    }

    /// The task as ECS shows it; `None` while it may be too young for that.
    async fn seen(&self, arn: &str, state: &EcsTask) -> Result<Option<Task>> {
        let client = client::for_region(&self.client, &state.region);
        let mut seen = adopt::describe(&client, &state.cluster, &[arn.to_owned()])
            .await
            .map_err(|error| error.with("task", arn))?;
        match seen.pop() {
            None if !state.is_fresh(self.config.pace.invisible) => Err(Error::new(
                ErrorKind::NotFound,
                DESCRIBE.op,
                "ECS does not know the task (any more)",
            )
            .with("task", arn)
            .with("cluster", &state.cluster)),
            seen => Ok(seen),
        }
    }

    async fn endpoint(&self, arn: &str, task: &Task, state: &EcsTask) -> Result<Option<Endpoint>> {
        if !state.public_ip {
            return Ok(address::private_ip(task).map(|ip| state.endpoint(ip)));
        }
        let known = self.public().get(arn).cloned();
        if let Some(ip) = known {
            return Ok(Some(state.endpoint(ip)));
        }
        let Some(interface) = address::interface_id(task) else { return Ok(None) };
        let ip = self.interfaces.public_ip(interface, &state.region).await?;
        if let Some(ip) = &ip {
            self.public().insert(arn.to_owned(), ip.clone());
        }
        Ok(ip.map(|ip| state.endpoint(ip)))
    }

    fn public(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.public.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spent(&self) -> MutexGuard<'_, Vec<Spent>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers where a task ended, if the next one had better go elsewhere.
    fn note_end(&self, task: &Task, stopped: &Stopped) {
        if matches!(stopped.cause, StopCause::Capacity | StopCause::Interrupted) {
            let here = Spent::of(task);
            let mut spent = self.spent();
            if !spent.contains(&here) {
                spent.push(here);
            }
        }
    }
}

async fn stop_task(client: &Client, cluster: &str, arn: &str) -> Result<()> {
    let request =
        client.stop_task().cluster(cluster).task(arn).reason("stopped by the fargate driver");
    request.send().await.map(drop).map_err(|error| from_sdk(STOP, &error).with("task", arn))
}

#[async_trait]
impl TaskLauncher for EcsLauncher {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle> {
        let config = &self.config;
        // What RunTask would not take is told before anything is registered for it.
        overrides(config, spec)?;
        let limit = spec.launch_timeout.unwrap_or(Duration::MAX).min(config.launch_timeout);
        let deadline = after(limit);
        let task = match &config.agent {
            None => self.start(spec, &config.task_definition, deadline).await?,
            Some(_) => {
                let lookup = Lookup::new(&self.signed, &self.region, config, &spec.needs, deadline);
                self.start_derived(spec, &lookup, deadline).await?
            }
        };
        Ok(self.handle(&task, Some(spec.key.as_str())))
    }

    async fn status(&self, task: &TaskHandle) -> Result<TaskStatus> {
        let state = EcsTask::read(task)?;
        let arn = task.id();
        let Some(seen) = &self.seen(arn, &state).await? else {
            let detail = "not visible yet".to_owned();
            return Ok(TaskStatus::Pending { detail, endpoint: None });
        };
        Ok(match observe(seen, &state.container) {
            Seen::Starting(detail) => {
                let endpoint = self.endpoint(arn, seen, &state).await?;
                TaskStatus::Pending { detail, endpoint }
            }
            Seen::Running => {
                TaskStatus::Running { endpoint: self.endpoint(arn, seen, &state).await? }
            }
            Seen::Ending(detail) => TaskStatus::Pending { detail, endpoint: None },
            Seen::Stopped(stopped) => {
                self.public().remove(arn);
                self.note_end(seen, &stopped);
                TaskStatus::Stopped(stopped)
            }
        })
    }

    async fn watch(
        &self,
        task: &TaskHandle,
        pace: &Pace,
        told: &mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Result<Stopped> {
        watch_by_asking(self, task, pace, told).await
    }

    async fn stop(&self, task: &TaskHandle, _grace: Duration) -> Result<()> {
        let state = EcsTask::read(task)?;
        let arn = task.id();
        let client = client::for_region(&self.client, &state.region);
        let mut pause = Backoff::new(self.config.pace.first_pause, self.config.pace.max_pause);
        loop {
            match stop_task(&client, &state.cluster, arn).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    // A task that is only not visible yet must not be left running.
                    if !state.is_fresh(self.config.pace.invisible) {
                        break;
                    }
                    sleep(pause.next_pause()).await;
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        self.public().remove(arn);
        Ok(())
    }

    async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>> {
        let cluster = &self.config.cluster;
        let tasks = adopt::owned(&self.client, cluster, owner).await?;
        Ok(tasks
            .iter()
            .filter_map(|task| Some(self.handle(&Accepted::read(task)?, tags::key_of(task))))
            .collect())
    }

    async fn log(&self, task: &TaskHandle, container: &str, lines: usize) -> Result<Vec<String>> {
        let state = EcsTask::read(task)?;
        let Some(seen) = self.seen(task.id(), &state).await? else { return Ok(Vec::new()) };
        let client = client::for_region(&self.client, &state.region);
        let written = container_log::find(&client, &seen, container, &state.region).await;
        match written.map_err(|error| error.with("task", task.id()))? {
            Some(stream) => stream.last_lines(&self.signed, lines).await,
            None => Ok(Vec::new()),
        }
    }
}
