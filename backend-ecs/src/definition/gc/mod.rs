//! Deletes derived definitions that nobody uses any more.

mod calls;
mod collector;
mod gate;
mod judge;
mod model;

pub(crate) use self::collector::Collector;
pub use self::model::{CollectPace, Collected, Collection, Fate, Reason};
