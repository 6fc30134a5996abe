//! The calls to the cluster, as messages name them.

/// One call to the cluster's API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// What the user wanted.
    pub(crate) op: &'static str,
    /// The verb of the RBAC rule it needs.
    pub(crate) verb: &'static str,
    /// The resource of that rule.
    pub(crate) resource: &'static str,
    /// Whether a lost answer leaves the outcome unknown: the call starts something.
    pub(crate) starts: bool,
}

const START: &str = "start pod";
const STOP: &str = "stop pod";

pub(crate) const CREATE: Call = Call { op: START, verb: "create", resource: "pods", starts: true };
/// Asking for a pod whose creation had no clear answer.
pub(crate) const FIND: Call = Call { op: START, verb: "get", resource: "pods", starts: false };
pub(crate) const GET: Call =
    Call { op: "ask for pod", verb: "get", resource: "pods", starts: false };
pub(crate) const DELETE: Call = Call { op: STOP, verb: "delete", resource: "pods", starts: false };
/// Looking whether a deleted pod is gone.
pub(crate) const GONE: Call = Call { op: STOP, verb: "get", resource: "pods", starts: false };
pub(crate) const LIST: Call =
    Call { op: "list pods", verb: "list", resource: "pods", starts: false };

/// What running a script is called.
pub(crate) const RUN_SCRIPT: &str = "run script in pod";
/// What ending one is called.
pub(crate) const END_SCRIPT: &str = "end script in pod";
/// A WebSocket is a GET; Kubernetes 1.35 and later ask for `create` as well.
pub(crate) const EXEC: Call =
    Call { op: RUN_SCRIPT, verb: "get", resource: "pods/exec", starts: false };
pub(crate) const FORWARD: Call =
    Call { op: "forward port of pod", verb: "get", resource: "pods/portforward", starts: false };

/// The end of what a container has written.
pub(crate) const LOG: Call =
    Call { op: "read a container's log", verb: "get", resource: "pods/log", starts: false };

impl Call {
    /// The same call, made for `op`.
    pub(crate) fn made_for(self, op: &'static str) -> Self {
        Self { op, ..self }
    }
}
const WATCH: &str = "watch pod";
pub(crate) const LIST_POD: Call = Call { op: WATCH, verb: "list", resource: "pods", starts: false };
pub(crate) const WATCH_POD: Call =
    Call { op: WATCH, verb: "watch", resource: "pods", starts: false };
pub(crate) const LIST_EVENTS: Call =
    Call { op: WATCH, verb: "list", resource: "events", starts: false };
pub(crate) const WATCH_EVENTS: Call =
    Call { op: WATCH, verb: "watch", resource: "events", starts: false };

const KEYS: &str = "remember stopped key";
pub(crate) const MARK: Call =
    Call { op: KEYS, verb: "create", resource: "configmaps", starts: false };
pub(crate) const READ_MARK: Call =
    Call { op: KEYS, verb: "get", resource: "configmaps", starts: false };
pub(crate) const FORGET: Call =
    Call { op: KEYS, verb: "deletecollection", resource: "configmaps", starts: false };
