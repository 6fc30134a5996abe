//! One round over all families of a base.

use fargate_core::{Error, ErrorKind, Result};

use super::super::cache::Cache;
use super::super::derived::{is_derived, prefix};
use super::super::lookup::short;
use super::super::marks::Day;
use super::calls::{Calls, MOST_DELETED};
use super::judge::{Seen, Status};
use super::model::{Collected, Collection, Fate, Reason};
use crate::config::EcsConfig;
use crate::handle;
use crate::signed::Signed;

type Told<'a> = &'a mut (dyn FnMut(&Collected) + Send);

/// Deletes what [`Collection`] says.
///
/// Each definition is deregistered and then deleted, and only the first is a step nobody may take
/// for one in use. Between the two it is INACTIVE and keeps its tags, so whoever comes next sees
/// what is left to do.
#[derive(Debug)]
pub(crate) struct Collector<'a> {
    calls: Calls<'a>,
    what: &'a Collection,
    /// The family of the base.
    base: &'a str,
    cache: Cache,
    /// Deregistered and not deleted yet.
    inactive: Vec<Seen>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(
        signed: &'a Signed,
        region: &'a str,
        config: &'a EcsConfig,
        what: &'a Collection,
    ) -> Result<Self> {
        if config.agent.is_none() {
            let message = "no task definitions are derived without an agent";
            return Err(Error::new(ErrorKind::Unsupported, "collect task definitions", message));
        }
        let name = short(&config.task_definition);
        Ok(Self {
            calls: Calls::new(signed, region, config, &what.pace),
            what,
            base: name.split(':').next().unwrap_or(name),
            cache: Cache::new(&config.cache_directory, config, region),
            inactive: Vec::new(),
        })
    }

    pub(crate) async fn run(mut self, told: Told<'_>) -> Result<()> {
        let done = self.everything(told).await;
        done.map_err(|error| match self.inactive.len() {
            0 => error,
            left => error.with("left for the next run to delete", left.to_string()),
        })
    }

    async fn everything(&mut self, told: Told<'_>) -> Result<()> {
        for family in self.calls.families(&prefix(self.base)).await? {
            if is_derived(&family, self.base) {
                self.family(&family, told).await?;
            }
        }
        self.delete(told).await
    }

    /// All revisions of a family have one content and one use, so its latest one decides whether
    /// the others are looked at.
    async fn family(&mut self, family: &str, told: Told<'_>) -> Result<()> {
        let latest = self.see(family).await?.filter(|seen| seen.status == Status::Active);
        let mut due = Vec::new();
        let mut arns = Vec::new();
        if let Some(latest) = latest {
            if !self.is_due(&latest, told) {
                return Ok(());
            }
            arns = self.calls.revisions(family, "ACTIVE").await?;
            arns.retain(|arn| *arn != latest.arn);
            due.push(latest);
        }
        arns.extend(self.calls.revisions(family, "INACTIVE").await?);
        for arn in arns {
            if let Some(seen) = self.see(&arn).await?
                && seen.status != Status::Other
                && self.is_due(&seen, told)
            {
                due.push(seen);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let fate = match self.calls.in_use(family).await? {
            true => Fate::Kept(Reason::InUse),
            false if self.what.dry_run => Fate::Due,
            false => return self.collect(due, told).await,
        };
        for seen in due {
            tell(told, &seen, fate.clone());
        }
        Ok(())
    }

    async fn see(&mut self, name: &str) -> Result<Option<Seen>> {
        let answer = self.calls.describe(name).await?;
        Ok(answer.map(|answer| Seen::read(&answer, self.base)))
    }

    /// Whether `seen` is ours and was not used for long; tells if not.
    fn is_due(&self, seen: &Seen, told: Told<'_>) -> bool {
        let reason = match seen.used {
            None => Reason::Unmarked,
            Some(day) if self.is_old(day) => return true,
            Some(_) => Reason::UsedLately,
        };
        tell(told, seen, Fate::Kept(reason));
        false
    }

    fn is_old(&self, day: Day) -> bool {
        let unused = u64::try_from(day.end()).unwrap_or(0);
        unused.saturating_add(self.what.older_than.as_secs()) <= handle::now()
    }

    async fn collect(&mut self, due: Vec<Seen>, told: Told<'_>) -> Result<()> {
        for seen in due {
            if seen.status == Status::Active {
                self.deregister(&seen.arn).await?;
                self.cache.update(|known| known.forget_arn(&seen.arn));
            }
            self.inactive.push(seen);
            if self.inactive.len() == MOST_DELETED {
                self.delete(told).await?;
            }
        }
        Ok(())
    }

    /// Another run, or an answer that was lost, may have done it already.
    async fn deregister(&mut self, arn: &str) -> Result<()> {
        match self.calls.deregister(arn).await {
            Err(error)
                if matches!(error.kind(), ErrorKind::InvalidConfig | ErrorKind::NotFound) =>
            {
                match self.see(arn).await? {
                    Some(Seen { status: Status::Active, .. }) => Err(error),
                    _ => Ok(()),
                }
            }
            done => done,
        }
    }

    async fn delete(&mut self, told: Told<'_>) -> Result<()> {
        if self.inactive.is_empty() {
            return Ok(());
        }
        let arns: Vec<&str> = self.inactive.iter().map(|seen| seen.arn.as_str()).collect();
        let failures = self.calls.delete(&arns).await?;
        for seen in std::mem::take(&mut self.inactive) {
            let failure = failures.iter().find(|(arn, _)| *arn == seen.arn);
            let fate = match failure {
                Some((arn, reason)) if self.is_left(arn).await? => Fate::Refused(reason.clone()),
                _ => Fate::Deleted,
            };
            tell(told, &seen, fate);
        }
        Ok(())
    }

    /// Whether a definition that ECS did not delete is still there: not if another run did.
    async fn is_left(&mut self, arn: &str) -> Result<bool> {
        Ok(self.see(arn).await?.is_some_and(|seen| seen.status != Status::Other))
    }
}

fn tell(told: Told<'_>, seen: &Seen, fate: Fate) {
    let last_used = seen.used.map(Day::text);
    told(&Collected { name: short(&seen.arn).to_owned(), last_used, fate });
}
