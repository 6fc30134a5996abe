//! Tasks as detached processes on this machine: the backend without a cloud.
//!
//! A task is one task agent (an SSH server) on 127.0.0.1, with a directory of its own below
//! [`LocalConfig::directory`]. All state is in that directory, so the processes that prepare, run
//! and clean up a job share it without a daemon. [`LocalLauncher`] is the launcher.
//!
//! | file in the task's directory | what it is |
//! |---|---|
//! | `lock` | held while the task is being started or stopped |
//! | `task.json` | owner, key, labels, time of creation, client key |
//! | `agent.lock` | held by the agent for its whole life: this, not a process id, is "it runs" |
//! | `agent.json` | the agent's address and host key, once it listens |
//! | `agent.pid` | the agent's process id, once it was started |
//! | `agent.log` | what the agent said |
//! | `home` | home and working directory of the job, so that it leaves no file elsewhere |
//! | `layer` | with an image: what the job changed in its root file system |
//!
//! An image is a directory of [`LocalConfig::images`] with a root file system in it. A task with one
//! of these images has that directory as its root, under an overlay, and mounts, process ids, `/proc`
//! and `/dev` of its own (Linux; as root, or where the kernel allows user namespaces). Its home is
//! `/root` then. Any other image is ignored. The network is this machine's in either case.
//!
//! Without an image a task is no sandbox: the job runs as the same user, with that user's rights. It
//! does get an environment of its own: `PATH`, `USER`, `LOGNAME`, `SHELL`, `LANG`, `LC_*` and `TZ` are passed
//! on and nothing else, and `HOME` is the task's.
//!
//! Everything a task starts carries `FARGATE_TASK=<its directory>` in its environment. A stop
//! also ends daemons that left the agent's reach; they are found by that variable, on Linux only.
//!
//! A stopped key stays stopped: a mark of it is kept for a day, as ECS keeps a client token.

mod agent;
mod config;
mod fail;
mod image_root;
mod launcher;
mod marks;
mod record;
mod remove;
mod root;
mod stop;
mod sweep;
mod task_dir;

pub use config::LocalConfig;
pub use launcher::LocalLauncher;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
