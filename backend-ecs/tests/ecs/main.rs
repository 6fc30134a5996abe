//! The ECS backend through the real SDK over HTTP: against the project's double, which can fail
//! in every way AWS does, and against moto as an independent witness.

mod bench;
mod beside;
mod conformance;
mod definitions;
mod gc;
mod images;
mod launch;
mod lost;
mod moto;
mod registry;
mod resources;
mod role;
mod unchanged;
mod watch;
