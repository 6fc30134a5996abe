//! What is asked for, and what is told.

use std::time::Duration;

/// What to collect.
///
/// Start from [`Collection::new`] and set the public fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collection {
    /// How long a definition must not have been used. The day of the last use counts as a whole,
    /// in UTC.
    pub older_than: Duration,
    /// Only says what would be deleted.
    pub dry_run: bool,
    /// How fast ECS is called.
    pub pace: CollectPace,
}

impl Collection {
    /// Everything that was not used for `older_than`, at a pace that leaves room for launches.
    #[must_use]
    pub fn new(older_than: Duration) -> Self {
        Self { older_than, dry_run: false, pace: CollectPace::default() }
    }
}

/// Pauses between calls.
///
/// The default takes half of what ECS grants an account for good, so that launches, which share
/// the limits, still get through: "Request throttling for the Amazon ECS API" in the developer
/// guide.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectPace {
    /// Time between two calls that only read.
    pub read: Duration,
    /// Time between two calls that deregister or delete.
    pub write: Duration,
}

impl Default for CollectPace {
    fn default() -> Self {
        Self { read: Duration::from_millis(100), write: Duration::from_secs(2) }
    }
}

/// One task definition, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// `family:revision`.
    pub name: String,
    /// The day of the last use in UTC, as `YYYY-MM-DD`; that of its registration where it says
    /// none. `None` for a definition that is not derived here.
    pub last_used: Option<String>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is deleted.
    Deleted,
    /// It would be deleted: [`Collection::dry_run`].
    Due,
    /// It stays.
    Kept(Reason),
    /// ECS refused to delete it, for this reason. It is deregistered.
    Refused(String),
}

/// Why a task definition stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A task runs it, or is about to.
    InUse,
    /// It was used not long ago.
    UsedLately,
    /// It has the name of a derived definition, and not the tag: it was registered without the
    /// right `ecs:TagResource`, or by somebody else.
    Unmarked,
}
