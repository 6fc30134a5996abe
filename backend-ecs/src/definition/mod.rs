//! Task definitions that are derived from the configured one, one per set of images.
//!
//! [`Base`] is what ECS says of the configured definition; [`overlay`] lays the images and the
//! agent over it; [`Derived`] is the result under a family that is named after its content;
//! [`Lookup`] finds it or registers it. What is known stays in a [`Cache`] that all processes of
//! a machine share. [`marks`] tell every machine what is derived and when it was last used, and
//! [`gc`] deletes by them.

mod base;
mod cache;
mod canonical;
mod derived;
mod gc;
mod lock;
mod lookup;
mod marks;
mod overlay;
mod patience;
mod registry;
mod remote;

use self::base::Base;
use self::cache::Cache;
use self::derived::Derived;
pub(crate) use self::gc::Collector;
pub use self::gc::{CollectPace, Collected, Collection, Fate, Reason};
pub(crate) use self::lookup::Lookup;
