//! Everything the double remembers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::events;
use super::faults::FaultQueue;
use super::pod_fault::PodFaultQueue;
use super::process::{Life, Orders};
use super::store::{Resource, Store};
use super::tls::Tls;
use super::{EksOptions, Https};
use crate::address::AddressPool;
use crate::host::TaskHost;
use crate::sts::{self, Credential};

/// The world, shared by the server and the lives of the pods.
#[derive(Debug)]
pub(super) struct World {
    pub(super) options: EksOptions,
    pub(super) at: SocketAddr,
    pub(super) tls: Tls,
    /// The bearer token that is accepted.
    pub(super) token: String,
    /// Where the pods have their directories.
    pub(super) directory: PathBuf,
    memory: Mutex<Memory>,
    /// Every change cuts every connection.
    pub(super) cuts: watch::Sender<Cut>,
    /// Set for good when the double is dropped: nothing new may start.
    closed: AtomicBool,
}

/// The last time every connection was cut.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cut {
    /// The server itself went away.
    pub(super) server_gone: bool,
}

/// Notices when its connection is cut.
pub(super) type Cuts = watch::Receiver<Cut>;

/// What changes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) store: Store,
    /// By uid; pods that are gone stay.
    pub(super) lives: BTreeMap<String, Life>,
    pub(super) faults: FaultQueue,
    pub(super) pod_faults: PodFaultQueue,
    /// So many commands more meet a kubelet that cannot be reached.
    pub(super) unreachable_kubelet: u32,
    pub(super) addresses: AddressPool,
    /// Of pods that have a network of their own.
    pub(super) routed: AddressPool,
    pub(super) calls: BTreeMap<String, u64>,
    pub(super) requests: Vec<(String, Value)>,
    pub(super) tasks: Vec<AbortHandle>,
    /// By access key id.
    pub(super) credentials: BTreeMap<String, Credential>,
}

impl World {
    pub(super) fn new(
        options: EksOptions,
        at: SocketAddr,
        token: String,
        directory: PathBuf,
    ) -> Self {
        let mut memory = Memory {
            credentials: sts::first_credentials(),
            routed: AddressPool::routed(),
            ..Memory::default()
        };
        for namespace in &options.namespaces {
            let key = (Resource::Namespaces, String::new(), namespace.clone());
            let object = json!({
                "metadata": {"labels": {"kubernetes.io/metadata.name": namespace}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            });
            // One that is named twice is there once.
            let _ = memory.store.create(key, object);
        }
        Self {
            tls: Tls::new(options.https),
            options,
            at,
            token,
            directory,
            memory: Mutex::new(memory),
            cuts: watch::Sender::new(Cut::default()),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Where the Kubernetes API is.
    pub(super) fn cluster_url(&self) -> String {
        match self.options.https {
            Https::Off => self.url(),
            _ => format!("https://{}", self.at),
        }
    }

    pub(super) fn with_life<T>(&self, uid: &str, work: impl FnOnce(&mut Life) -> T) -> Option<T> {
        self.memory().lives.get_mut(uid).map(work)
    }

    /// Writes a new state of a pod; `false` if it is gone.
    pub(super) fn change_pod(&self, uid: &str, work: impl FnOnce(&Life, &mut Value)) -> bool {
        self.memory().change_pod(uid, work)
    }

    /// Writes down what happened to a pod.
    pub(super) fn event(&self, uid: &str, source: &str, kind: &str, reason: &str, message: &str) {
        let mut memory = self.memory();
        let Some(pod) = memory.lives.get(uid).map(|life| life.last.clone()) else { return };
        events::record(&mut memory.store, &pod, source, kind, reason, message);
    }

    /// Gives a pod its program. A pod that has to end by now, or a world that does, kills it.
    pub(super) fn adopt(&self, uid: &str, host: TaskHost) {
        let host = Arc::new(host);
        let kept = self.with_life(uid, |life| {
            let keep = !life.orders.borrow().any() && !self.closed.load(Ordering::SeqCst);
            if keep {
                life.host = Some(Arc::clone(&host));
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
        for task in memory.tasks.drain(..) {
            task.abort();
        }
        let all: Vec<_> = memory.lives.values().filter_map(Life::processes).collect();
        for life in memory.lives.values_mut() {
            life.host = None;
        }
        drop(memory);
        thread::scope(|scope| {
            for processes in &all {
                scope.spawn(|| processes.kill());
            }
        });
    }
}

impl Memory {
    /// Writes a new state of a pod; `false` if it is gone.
    pub(super) fn change_pod(&mut self, uid: &str, work: impl FnOnce(&Life, &mut Value)) -> bool {
        let Some(life) = self.lives.get_mut(uid).filter(|life| !life.gone) else { return false };
        let Some(pod) = self.store.get(&life.key) else { return false };
        let mut pod = pod.clone();
        work(life, &mut pod);
        life.last = self.store.put(life.key.clone(), pod);
        true
    }

    /// Tells a pod's life what it has to do.
    pub(super) fn order(&mut self, uid: &str, work: impl FnOnce(&mut Orders)) {
        if let Some(life) = self.lives.get_mut(uid) {
            life.orders.send_modify(work);
        }
    }

    /// Takes a pod out of the API, unless finalizers hold it there. Returns its last state.
    pub(super) fn remove_pod(&mut self, uid: &str) -> Option<Value> {
        let life = self.lives.get_mut(uid).filter(|life| !life.gone)?;
        let held = self.store.get(&life.key).is_some_and(is_held);
        if held {
            self.change_pod(uid, |_, pod| {
                pod["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            });
            return self.lives.get(uid).map(|life| life.last.clone());
        }
        let last = self.store.remove(&life.key)?;
        life.last = last.clone();
        life.gone = true;
        life.orders.send_modify(|orders| orders.gone = true);
        Some(last)
    }
}

/// Whether finalizers keep an object that is being deleted.
pub(super) fn is_held(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|names| !names.is_empty())
}
