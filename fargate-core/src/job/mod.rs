//! The life of a CI job over several processes: prepare, run (once per stage), cleanup.
//!
//! Each of the three may be another process, may be killed at any moment and may be called
//! twice. What a later one needs is in the [`HandleStore`], written *before* a task is launched;
//! what a crash left behind is found by [`TaskLauncher::list`](crate::TaskLauncher::list).
//!
//! [`JobLife`] ties a [`JobBackend`] and a store together.

mod backend;
mod beside;
mod cleanup;
mod credential;
mod id;
mod life;
mod lost;
mod observe;
mod prepare;
mod record;
mod run;
mod store;
#[cfg(test)]
mod tests;

pub use self::backend::JobBackend;
pub use self::beside::JobContainer;
pub use self::cleanup::Cleaned;
pub use self::credential::Credential;
pub use self::id::JobId;
pub use self::life::JobLife;
pub use self::observe::{JobEvent, Observer};
pub use self::prepare::PreparePlan;
pub use self::record::JobRecord;
pub use self::store::HandleStore;
pub use crate::SecretText;
