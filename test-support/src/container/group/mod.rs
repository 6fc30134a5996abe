//! The containers of one task or pod, from the first start to the last end.

mod dependencies;
mod files;
mod health;
mod phase;
mod plan;
mod run;
mod stop;

pub(crate) use self::dependencies::Dependency;
pub(crate) use self::health::HealthCheck;
pub(crate) use self::phase::Standing;
pub(crate) use self::plan::{ContainerPlan, VolumeMount};
pub(crate) use self::run::{Group, GroupEnd, Shared, Step};
