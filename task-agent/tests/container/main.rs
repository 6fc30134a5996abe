//! The agent in images that do not know it: busybox alone, or nothing at all.

mod common;
mod environment;
mod image;
mod install;
mod root;
