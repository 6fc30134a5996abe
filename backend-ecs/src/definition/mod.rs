//! Task definitions that are derived from the configured one, one per image.
//!
//! [`Base`] is what ECS says of the configured definition; [`overlay`] lays the image and the
//! agent over it; [`Derived`] is the result under a family that is named after its content;
//! [`Lookup`] finds it or registers it. What is known stays in a [`Cache`] that all processes of
//! a machine share.

mod base;
mod cache;
mod canonical;
mod derived;
mod lock;
mod lookup;
mod overlay;
mod registry;
mod remote;

use self::base::Base;
use self::cache::Cache;
use self::derived::Derived;
pub(crate) use self::lookup::Lookup;
