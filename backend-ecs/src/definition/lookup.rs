//! Finds the definition for what a task needs, or registers it.

use fargate_core::{Result, TaskNeeds};
use tokio::time::Instant;

use super::marks::Day;
use super::patience::Patience;
use super::remote::Remote;
use super::{Base, Cache, Derived, lock};
use crate::config::EcsConfig;
use crate::deadline::after;
use crate::signed::Signed;

/// A definition that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    family: String,
    /// `family:revision`. Without an account in it, a cache that has moved to another one is
    /// noticed: such a definition is not found there.
    pub(crate) name: String,
}

/// The way to one definition: cache, DescribeTaskDefinition, RegisterTaskDefinition.
///
/// A base that is named with its revision cannot change and is asked for once; a family alone
/// means its latest revision, which is asked for each time.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    config: &'a EcsConfig,
    needs: &'a TaskNeeds,
    remote: Remote<'a>,
    cache: Cache,
    deadline: Instant,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(
        signed: &'a Signed,
        region: &'a str,
        config: &'a EcsConfig,
        needs: &'a TaskNeeds,
        deadline: Instant,
    ) -> Self {
        let cache = Cache::new(&config.cache_directory, config, region);
        Self { config, needs, remote: Remote { signed, region }, cache, deadline }
    }

    /// Finds or registers the definition.
    pub(crate) async fn run(&self) -> Result<Found> {
        let latest = match is_fixed(&self.config.task_definition) {
            true => None,
            false => Some(self.ask_for_base().await?),
        };
        if let Some(found) = self.known(latest.as_ref())? {
            return Ok(found);
        }
        let until = self.deadline.min(after(self.config.pace.lock_patience));
        let _lock = lock::take(&self.cache.lock, until).await;
        // Whoever held it may have been after the same.
        if let Some(found) = self.known(latest.as_ref())? {
            return Ok(found);
        }
        self.learn(latest).await
    }

    /// Lets nobody use the definition any more that was found: it does not work.
    pub(crate) fn forget(&self, found: &Found) {
        self.cache.update(|known| known.forget(&self.config.task_definition, &found.family));
    }

    /// Tells all machines that the definition is used today, once a day: `fargate gc` deletes what
    /// is not used. Nothing comes of a failure but a date that lags, so it is not told, and not
    /// tried again before tomorrow. Without a cache nobody knows what was done today, and nothing
    /// is.
    pub(crate) async fn mark_use(&self, found: &Found) {
        let (known, today) = (self.cache.load(), Day::today().text());
        let Some(arn) = known.arn(&found.family) else { return };
        if known.marked(&found.family) == Some(today.as_str()) {
            return;
        }
        self.cache.update(|known| known.put_mark(&found.family, &today));
        if let Err(error) = self.remote.mark_use(arn).await {
            tracing::debug!(%error, "the day of the last use is not noted");
        }
    }

    /// What the cache alone can say.
    fn known(&self, latest: Option<&Base>) -> Result<Option<Found>> {
        let base_name = &self.config.task_definition;
        let content = self.cache.load();
        let Some(base) = latest.or_else(|| content.base(base_name)) else { return Ok(None) };
        let Derived { family, .. } = self.derive(base)?;
        let Some(arn) = content.arn(&family) else { return Ok(None) };
        let found = Found { name: short(arn).to_owned(), family };
        if content.is_stale(base_name, &found.family) {
            self.cache.update(|known| known.note_use(base_name, &found.family));
        }
        Ok(Some(found))
    }

    /// What ECS says, or does.
    async fn learn(&self, latest: Option<Base>) -> Result<Found> {
        let name = &self.config.task_definition;
        let fixed = latest.is_none();
        let base = match latest.or_else(|| self.cache.load().base(name).cloned()) {
            Some(base) => base,
            None => self.ask_for_base().await?,
        };
        let derived = self.derive(&base)?;
        let (arn, new) = self.find_or_register(&derived).await?;
        self.cache.update(|known| {
            if fixed {
                known.put_base(name, base);
            }
            known.put_arn(&derived.family, &arn);
            if new {
                // It is registered with today's date, or the right to tag is missing.
                known.put_mark(&derived.family, &Day::today().text());
            }
        });
        Ok(Found { name: short(&arn).to_owned(), family: derived.family })
    }

    fn derive(&self, base: &Base) -> Result<Derived> {
        Derived::new(base, self.config, self.needs)
    }

    async fn ask_for_base(&self) -> Result<Base> {
        let mut patience = self.patience();
        loop {
            match self.remote.base(&self.config.task_definition).await {
                Ok(base) => return Ok(base),
                Err(error) => patience.bear(error).await?,
            }
        }
    }

    /// The ARN, and whether it was registered here.
    ///
    /// Each registration makes a revision, so whether there is one now is asked again before the
    /// next: an answer may be lost, and other machines register too.
    async fn find_or_register(&self, derived: &Derived) -> Result<(String, bool)> {
        let mut patience = self.patience();
        loop {
            let done = match self.remote.find(derived).await {
                Ok(None) => self.remote.register(derived).await,
                Ok(Some(arn)) => return Ok((arn, false)),
                Err(error) => Err(error),
            };
            match done {
                Ok(arn) => return Ok((arn, true)),
                Err(error) => patience.bear(error).await?,
            }
        }
    }

    fn patience(&self) -> Patience {
        Patience::new(&self.config.pace, self.deadline)
    }
}

/// Whether `name` says a revision, alone or at the end of an ARN: that cannot change.
fn is_fixed(name: &str) -> bool {
    short(name).contains(':')
}

/// `family:revision` of an ARN, or the name itself.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_with_a_revision_is_fixed() {
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/task";
        for (name, fixed) in
            [("task", false), ("task:7", true), (arn, false), (&format!("{arn}:7"), true)]
        {
            assert_eq!(is_fixed(name), fixed, "{name}");
        }
        assert_eq!(short(&format!("{arn}:7")), "task:7");
    }
}
