use std::fmt;
use std::time::Duration;

use crate::{Endpoint, Error, TaskHandle, TaskService};

/// Something a person watching the job would like to know.
#[derive(Debug)]
#[non_exhaustive]
pub enum JobEvent<'a> {
    /// A task is being asked for.
    Launching,
    /// The backend accepted the task.
    Launched {
        /// The task.
        task: &'a TaskHandle,
        /// Since [`JobEvent::Launching`].
        took: Duration,
    },
    /// An earlier, interrupted prepare had launched this task; it is used.
    Adopted {
        /// The task.
        task: &'a TaskHandle,
    },
    /// The platform reports another state.
    State {
        /// In its own words.
        state: &'a str,
        /// Since the launch.
        after: Duration,
    },
    /// Something good to know of the task.
    Notice(&'a str),
    /// The platform warns of something that may pass.
    Warning(&'a str),
    /// The address is known.
    Address {
        /// Where the task will answer.
        endpoint: &'a Endpoint,
        /// Since the launch.
        after: Duration,
    },
    /// The task accepts commands.
    Ready {
        /// Where.
        endpoint: &'a Endpoint,
        /// Since the launch.
        after: Duration,
    },
    /// A service accepts connections.
    ServiceUp {
        /// The service.
        service: &'a TaskService,
        /// Since the task accepted commands.
        after: Duration,
    },
    /// A service did not accept connections in time; the job goes on.
    ServiceDown {
        /// The service.
        service: &'a TaskService,
        /// Since the task accepted commands.
        after: Duration,
        /// The last lines it has written, or why there are none.
        log: std::result::Result<&'a [String], &'a Error>,
    },
    /// Nothing shows whether a service is up: its port is not known, or nobody can look.
    ServiceUnchecked {
        /// The service.
        service: &'a TaskService,
    },
    /// The address has not answered for a while; the wait goes on.
    StillWaiting(&'a Error),
    /// Something is wrong, and the work goes on without it.
    Trouble(&'a Error),
    /// What a failed prepare started could not be stopped, or may not have been found yet; it is
    /// left to cleanup.
    LeftToCleanup(&'a Error),
    /// There was no room, or the platform took the task back before it was ready; a new one is
    /// asked for.
    LaunchingAgain(&'a Error),
    /// A task is being stopped.
    Stopping {
        /// The task.
        task: &'a TaskHandle,
    },
}

/// Takes the events of a job; called from within the work, so it must not block for long.
pub trait Observer: fmt::Debug + Send + Sync {
    /// One event.
    fn event(&self, event: &JobEvent<'_>);
}

/// Ignores everything.
impl Observer for () {
    fn event(&self, _: &JobEvent<'_>) {}
}
