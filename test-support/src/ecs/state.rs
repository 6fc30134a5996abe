//! Everything the double remembers.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::Value;
use tokio::task::AbortHandle;

use super::definition::Definitions;
use super::faults::FaultQueue;
use super::rate::Limiter;
use super::task::{State, Task};
use super::{EcsOptions, ids};
use crate::address::AddressPool;
use crate::host::TaskHost;
use crate::sts::{self, Credential};

/// The world, shared by the server and the lives of the tasks.
#[derive(Debug)]
pub(super) struct World {
    pub(super) options: EcsOptions,
    /// Where the tasks have their directories.
    pub(super) directory: PathBuf,
    memory: Mutex<Memory>,
    /// Set for good when the double is dropped: nothing new may start.
    closed: AtomicBool,
}

/// What changes.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) definitions: Definitions,
    /// By ARN. The id in an ARN starts with a count, so this is the order of creation.
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) launches: u64,
    /// What each client token of a cluster stands for.
    pub(super) tokens: HashMap<(String, String), Launch>,
    pub(super) faults: FaultQueue,
    pub(super) limiter: Limiter,
    pub(super) addresses: AddressPool,
    /// For tasks that have a network of their own.
    pub(super) routed_addresses: AddressPool,
    pub(super) calls: BTreeMap<String, u64>,
    pub(super) requests: Vec<(String, Value)>,
    /// By access key id.
    pub(super) credentials: BTreeMap<String, Credential>,
    pub(super) lives: Vec<AbortHandle>,
}

/// A launch that had a client token.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) parameters: Value,
    pub(super) tasks: Vec<String>,
}

impl World {
    /// # Panics
    /// On a task definition that ECS would refuse.
    pub(super) fn new(options: EcsOptions, directory: PathBuf) -> Self {
        let mut definitions = Definitions::default();
        for option in &options.task_definitions {
            if let Err(refused) = definitions.register_option(&options.region, option) {
                panic!("task definition {}: {}", option.family, refused.message);
            }
        }
        let memory = Memory {
            definitions,
            tasks: BTreeMap::new(),
            launches: 0,
            tokens: HashMap::new(),
            faults: FaultQueue::default(),
            limiter: Limiter::new(options.rate_limits.as_ref(), Instant::now()),
            addresses: AddressPool::default(),
            routed_addresses: AddressPool::routed(),
            calls: BTreeMap::new(),
            requests: Vec::new(),
            credentials: sts::first_credentials(),
            lives: Vec::new(),
        };
        Self { options, directory, memory: Mutex::new(memory), closed: AtomicBool::new(false) }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cluster_arn(&self) -> String {
        ids::arn(&self.options.region, "cluster", &self.options.cluster)
    }

    /// The availability zone of a subnet: a letter each, in the order of the options.
    pub(super) fn zone(&self, subnet: &str) -> String {
        let index = self.options.subnets.iter().position(|one| one == subnet).unwrap_or(0);
        let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or(0));
        format!("{}{letter}", self.options.region)
    }

    pub(super) fn with_task<T>(&self, arn: &str, work: impl FnOnce(&mut Task) -> T) -> Option<T> {
        self.memory().tasks.get_mut(arn).map(work)
    }

    pub(super) fn moves_to(&self, arn: &str, state: State) {
        self.with_task(arn, |task| task.moves_to(state, ids::now()));
    }

    /// Gives a task its program. A task that has to end by now, or a world that does, kills it.
    pub(super) fn adopt(&self, arn: &str, host: TaskHost) {
        let host = Arc::new(host);
        let kept = self.with_task(arn, |task| {
            let keep = task.end.borrow().is_none() && !self.closed.load(Ordering::SeqCst);
            if keep {
                task.host = Some(Arc::clone(&host));
            }
            keep
        });
        if kept != Some(true) {
            host.kill();
        }
    }

    /// Ends everything, at once.
    pub(super) fn close(&self) {
        let mut memory = self.memory();
        self.closed.store(true, Ordering::SeqCst);
        for life in memory.lives.drain(..) {
            life.abort();
        }
        let hosts: Vec<_> = memory.tasks.values_mut().filter_map(|task| task.host.take()).collect();
        let groups: Vec<_> = memory.tasks.values().filter_map(|task| task.group.clone()).collect();
        drop(memory);
        thread::scope(|scope| {
            for host in &hosts {
                scope.spawn(|| host.kill());
            }
            for group in &groups {
                scope.spawn(|| group.kill());
            }
        });
    }
}
