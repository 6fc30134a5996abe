//! The EKS backend over HTTP, against the project's double, which can fail in every way
//! Kubernetes and EKS do.

mod access;
mod bench;
mod beside;
mod conformance;
mod ends;
mod launch;
mod lost;
mod news;
mod profile;
mod reach;
mod refused;
mod silent;
mod stop;
mod template;
mod tls;
mod watch;
