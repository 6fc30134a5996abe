//! A task definition's containers, run as its images say.

mod dependencies;
mod files;
mod group;
mod health;
mod phase;
mod plan;
mod stop;

pub(super) use self::group::{Group, Step};
pub(super) use self::phase::Standing;
pub(super) use self::plan::plans;
