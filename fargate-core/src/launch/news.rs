use crate::{Error, TaskStatus};

/// What [`TaskLauncher::watch`](super::TaskLauncher::watch) tells of a task.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum News<'a> {
    /// How the task is doing: told first of all, whenever it changes, and again once
    /// [`Trouble`](Self::Trouble) is over. It is never
    /// [`TaskStatus::Stopped`]: the end is what the call returns.
    Status(&'a TaskStatus),
    /// Something good to know of the task, such as the size that is billed; told once.
    Notice(&'a str),
    /// The platform warns: something is in the way that may pass. Each warning is told once, in
    /// words for the person whose job it is.
    Warning(&'a str),
    /// The service cannot be asked at the moment; the watch goes on.
    Trouble(&'a Error),
}
