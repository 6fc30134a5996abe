//! The double itself.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::sleep;

use super::ops::delete_pod;
use super::process::Life;
use super::server::Order;
use super::state::{Cut, World};
use super::{EksOptions, Fault, PodEnd, PodFault, PodView, kubeconfig, pod_status};
use super::{lifecycle, server};
use crate::address::check_port;
use crate::random;
use crate::signature::{ACCESS_KEY, SECRET_KEY};

/// A running double. Dropping it ends the server and every process of every pod.
///
/// Pods are named by their names alone; of several the newest is meant.
#[derive(Debug)]
pub struct EksDouble {
    world: Arc<World>,
    server: AbortHandle,
    orders: mpsc::Sender<Order>,
    /// Removed after the pods are gone.
    directory: TempDir,
}

impl EksDouble {
    /// Starts a double on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When pods could not listen at their addresses: not root and a port below 1024, or somebody
    /// else on that port of every address.
    pub async fn start(options: EksOptions) -> Self {
        if options.program.listens() {
            check_port(options.ssh_port, "EksOptions::ssh_port");
        }
        let directory = tempfile::Builder::new().prefix("eks-double-").tempdir();
        let directory = directory.expect("a directory for the pods");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let at = listener.local_addr().expect("the port of the double");
        let token = format!("token-{}", random::hex(32));
        let world = Arc::new(World::new(options, at, token, directory.path().to_owned()));
        let (orders, received) = mpsc::channel(1);
        let serving = server::serve(listener, Arc::clone(&world), received);
        let server = tokio::spawn(serving).abort_handle();
        Self { world, server, orders, directory }
    }

    /// The base URL of the EKS service, and without HTTPS also of the Kubernetes API.
    #[must_use]
    pub fn url(&self) -> String {
        self.world.url()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.world.at
    }

    /// The certificate authority that DescribeCluster and the kubeconfig name, PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.world.tls.authority
    }

    /// What it was started with.
    #[must_use]
    pub fn options(&self) -> &EksOptions {
        &self.world.options
    }

    /// The bearer token that is accepted; beside it a token `k8s-aws-v1.…` for this cluster that
    /// is signed with [`credentials`](Self::credentials).
    #[must_use]
    pub fn token(&self) -> &str {
        &self.world.token
    }

    /// The access key id and the secret key the EKS service accepts.
    #[must_use]
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (ACCESS_KEY, SECRET_KEY)
    }

    /// Writes a kubeconfig file whose one context, "test", leads here with the first namespace.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        let file = self.directory.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig::text(&self.world)).expect("the kubeconfig is written");
        file
    }

    /// Lets something go wrong with calls.
    pub fn inject(&self, fault: Fault) {
        self.world.memory().faults.push(fault);
    }

    /// Lets something go wrong with the next pod.
    pub fn inject_pod(&self, fault: PodFault) {
        self.world.memory().pod_faults.push(fault);
    }

    /// Lets the API server reach no kubelet for the next commands: it finds that out only once it
    /// has agreed to the WebSocket.
    pub fn lose_kubelet(&self, commands: u32) {
        self.world.memory().unreachable_kubelet = commands;
    }

    /// Forgets every fault that has not happened yet, and those that stay.
    pub fn clear_faults(&self) {
        let mut memory = self.world.memory();
        memory.faults.clear();
        memory.pod_faults.clear();
    }

    /// Closes every connection, also in the middle of an answer. New ones are taken.
    pub fn cut_connections(&self) {
        self.world.cuts.send_replace(Cut::default());
    }

    /// Takes the API server away: every connection ends, watches, commands and forwarded ports in
    /// progress too, and new ones are refused. Pods and their processes live on.
    ///
    /// # Panics
    /// If it is away already, or its port cannot be kept.
    pub async fn stop_api(&self) {
        self.order(Order::Stop).await;
    }

    /// Brings the API server back at the same port, with all it knew. Watches may go on from any
    /// version, as with a server that has a full history; with [`compact`](Self::compact) before,
    /// they are told 410, as by one that has just begun to watch.
    ///
    /// # Panics
    /// If it is not away.
    pub async fn start_api(&self) {
        self.order(Order::Start).await;
    }

    /// Takes the API server away for so long; returns when it is back.
    ///
    /// # Panics
    /// If it is away already, or its port cannot be kept.
    pub async fn restart_api(&self, down: Duration) {
        self.stop_api().await;
        sleep(down).await;
        self.start_api().await;
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Order) {
        let (sender, done) = oneshot::channel();
        self.orders.send(order(sender)).await.expect("the server is there");
        done.await.expect("the server answers").expect("the server can do so now");
    }

    /// Forgets what happened so far: a watch from a version before now is told 410.
    pub fn compact(&self) {
        self.world.memory().store.compact();
    }

    /// How often each call was made, such as "create pods"; refused calls count.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.world.memory().calls.clone()
    }

    /// The bodies of the calls of that name, such as "create pods", oldest first; of calls without
    /// a body the query, as an object of strings; a field `command` of `pods/exec` is a list.
    #[must_use]
    pub fn requests(&self, call: &str) -> Vec<Value> {
        let memory = self.world.memory();
        let mine = memory.requests.iter().filter(|(name, _)| name == call);
        mine.map(|(_, body)| body.clone()).collect()
    }

    /// Every pod, oldest first, those that are gone too.
    #[must_use]
    pub fn pods(&self) -> Vec<PodView> {
        let memory = self.world.memory();
        let mut lives: Vec<&Life> = memory.lives.values().collect();
        lives.sort_by_key(|life| life.number);
        lives.into_iter().map(PodView::of).collect()
    }

    /// The newest pod of that name.
    ///
    /// # Panics
    /// If there never was one.
    #[must_use]
    pub fn pod(&self, name: &str) -> PodView {
        let newest = self.pods().into_iter().rev().find(|pod| pod.name == name);
        newest.unwrap_or_else(|| panic!("no pod {name}"))
    }

    /// How many pods are there that have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.pods().iter().filter(|pod| pod.lives()).count()
    }

    /// What the program of a pod has written to its stdout and stderr, or its containers, one after
    /// the other.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        let uid = self.pod(name).uid;
        self.world.with_life(&uid, |life| life.log(None)).unwrap_or_default()
    }

    /// Waits until a pod has reached a phase, such as "Running".
    ///
    /// # Panics
    /// If it is not there within 60 seconds, or ends or goes before.
    pub async fn wait_for(&self, name: &str, phase: &str) -> PodView {
        for _ in 0..6000 {
            let view = self.pod(name);
            if view.phase == phase {
                return view;
            }
            assert!(
                view.lives(),
                "{name} is {} and cannot become {phase}: {}{}",
                view.phase,
                view.json["status"],
                self.log(name)
            );
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} is {}, not {phase}", self.pod(name).phase);
    }

    /// Waits until a pod is not in the API any more.
    ///
    /// # Panics
    /// If it is still there after 60 seconds.
    pub async fn wait_gone(&self, name: &str) -> PodView {
        for _ in 0..6000 {
            let view = self.pod(name);
            if view.gone {
                return view;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} is still there: {}", self.pod(name).json);
    }

    /// Ends a pod from outside, as a lack of memory or a failing node do, and waits until it has
    /// ended.
    ///
    /// # Panics
    /// If there is no such pod, or it does not end.
    pub async fn end_pod(&self, name: &str, end: PodEnd) -> PodView {
        let uid = self.pod(name).uid;
        self.world.memory().order(&uid, |orders| {
            orders.end.get_or_insert(end);
        });
        for _ in 0..6000 {
            let view = self.pod(name);
            if view.gone || lifecycle::is_finished(&view.json) {
                return view;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} does not end: {}", self.pod(name).json);
    }

    /// Deletes a pod, as somebody with `kubectl` would.
    ///
    /// # Panics
    /// If it is gone already.
    pub fn delete_pod(&self, name: &str) {
        let uid = self.pod(name).uid;
        let deleted = delete_pod(&mut self.world.memory(), &uid, None);
        assert!(deleted.is_some(), "{name} is gone");
    }

    /// Deletes a pod through the eviction API, as the patching of Fargate's systems does.
    ///
    /// # Panics
    /// If it is gone already.
    pub fn evict_pod(&self, name: &str) {
        let uid = self.pod(name).uid;
        let mut memory = self.world.memory();
        memory.change_pod(&uid, |_, pod| {
            let message = "Eviction API: evicting";
            pod_status::condition(pod, "DisruptionTarget", true, "EvictionByEvictionAPI", message);
        });
        assert!(delete_pod(&mut memory, &uid, None).is_some(), "{name} is gone");
    }

    /// Puts somebody else at the address of a pod: another host key, the old sessions gone.
    ///
    /// # Panics
    /// If the pod has no program running.
    pub async fn change_host_key(&self, name: &str) {
        let uid = self.pod(name).uid;
        let host = self.world.with_life(&uid, |life| life.host.clone()).flatten();
        let Some(host) = host else { panic!("nothing runs at the address of {name}") };
        let changed = spawn_blocking(move || host.change_host_key()).await;
        changed.expect("the restart does not panic").expect("the program starts again");
    }
}

impl Drop for EksDouble {
    fn drop(&mut self) {
        self.server.abort();
        self.world.close();
    }
}
