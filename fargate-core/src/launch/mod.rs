//! Starting, watching and stopping tasks.

mod asking;
mod ext;
mod forward;
mod news;
mod ready;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use self::asking::watch_by_asking;
pub use self::ext::{Pace, TaskLauncherExt, Waiting};
pub use self::news::News;
use crate::{Result, Stopped, TaskHandle, TaskSpec, TaskStatus};

/// Starts, watches, stops and finds tasks on one backend.
///
/// Object-safe, without default methods and without generics: a forwarding wrapper cannot miss
/// anything. Conveniences are in [`TaskLauncherExt`]. `testkit::launcher_conformance!` (feature
/// `testkit`) tests an implementation against every numbered point below
/// that shows from outside.
#[async_trait]
pub trait TaskLauncher: fmt::Debug + Send + Sync + 'static {
    /// A short, constant name, such as "ecs"; part of every handle.
    fn backend(&self) -> &'static str;

    /// Starts a task, or finds the one this key started before.
    ///
    /// # Behavior
    /// 1. Returns as soon as the backend has accepted the task; it need not run yet.
    /// 2. The same spec twice, one after the other or at once, is one task.
    /// 3. A key whose task was stopped does not come to life again: the handle of the stopped
    ///    task comes back, or `Conflict`.
    /// 4. Whatever it started can be found by [`list`](Self::list) from then on.
    ///
    /// # Errors
    /// `Capacity` when no place had room (every place was tried), `ImageUnavailable`,
    /// `PermissionDenied`, `Unauthenticated`, `InvalidConfig`, `NotFound` (cluster, task
    /// definition), `Throttled`, `ConnectFailed`, `Conflict`; and `ConnectionLost` when it is
    /// unknown whether a task was started. Only that kind, `Unavailable`, `Timeout`, `Conflict`
    /// and `Unexpected` may be returned when one may have been: for every other kind the caller
    /// takes it that nothing was started.
    ///
    /// # Cancel safety
    /// Not cancel-safe: a dropped call may leave a task. [`list`](Self::list), or the same call
    /// again, recovers it.
    async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle>;

    /// How the task is doing now.
    ///
    /// # Behavior
    /// 1. One question to the backend, no waiting.
    /// 2. A task that was accepted a moment ago and is not visible yet is `Pending`.
    /// 3. `Stopped` says why, as fully as the backend does.
    ///
    /// # Errors
    /// `NotFound` when the backend has forgotten the task; `Unsupported` for a handle of another
    /// backend; service errors as for [`launch`](Self::launch).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    async fn status(&self, task: &TaskHandle) -> Result<TaskStatus>;

    /// Follows the task until it is over, and returns how it ended.
    ///
    /// A backend whose platform does not tell by itself calls [`watch_by_asking`].
    ///
    /// # Behavior
    /// 1. Tells the status at once, and then each change of it: [`News::Status`]. States that the
    ///    task passes faster than the platform tells may be missing.
    /// 2. The end is returned and not told. A task that was over before is returned at once.
    /// 3. Trouble whose [`Retry`](crate::Retry) is `Soon` is told and borne, for as long as it
    ///    lasts: [`News::Trouble`]. Once it is over, the status is told again.
    /// 4. The platform's warnings and what is good to know are told once each.
    /// 5. `pace` is for asking; a backend whose platform tells by itself does not ask meanwhile.
    ///
    /// `told` is called from within the work, so it must not block for long.
    ///
    /// # Errors
    /// `NotFound` when the backend has forgotten the task; `Unsupported` for a handle of another
    /// backend; service errors as for [`launch`](Self::launch) that no patience can mend.
    ///
    /// # Cancel safety
    /// Cancel-safe: a dropped call leaves nothing, and the next one begins anew.
    async fn watch(
        &self,
        task: &TaskHandle,
        pace: &Pace,
        told: &mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Result<Stopped>;

    /// Ends the task and everything that runs in it.
    ///
    /// # Behavior
    /// 1. Processes are asked to end (TERM) and killed after `grace`. A backend whose platform
    ///    fixes the grace itself may ignore the argument and says so.
    /// 2. Idempotent: a task that is stopped, or that the backend has forgotten, is `Ok`.
    /// 3. When it returns, no further command can be started on the task for longer than `grace`.
    ///
    /// # Errors
    /// `Unsupported` for a handle of another backend; service errors as for
    /// [`launch`](Self::launch).
    ///
    /// # Cancel safety
    /// Cancel-safe: call it again.
    async fn stop(&self, task: &TaskHandle, grace: Duration) -> Result<()>;

    /// The tasks of `owner` that are not over, whichever process started them.
    ///
    /// # Behavior
    /// 1. Finds a task whose launching process died at any moment after the backend accepted it.
    /// 2. Never returns a task of another owner.
    /// 3. Handles carry the launch key where the backend keeps it.
    ///
    /// # Errors
    /// Service errors as for [`launch`](Self::launch).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>>;

    /// The last lines that a container of the task has written, oldest first.
    ///
    /// # Behavior
    /// 1. At most `lines` of them; what is not UTF-8 is replaced.
    /// 2. A container that has written nothing (yet) has none.
    ///
    /// # Errors
    /// `Unsupported` where nobody keeps them, or for a handle of another backend; `NotFound` for a
    /// container that the task does not have; service errors as for [`launch`](Self::launch).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    async fn log(&self, task: &TaskHandle, container: &str, lines: usize) -> Result<Vec<String>>;
}

const _: Option<&dyn TaskLauncher> = None;
