//! How commands in pods and forwarded ports behave.

use std::time::Duration;

/// What differs from cluster to cluster about `pods/exec` and `pods/portforward`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamOptions {
    /// Commands are spoken of in `v4.channel.k8s.io` only, where a client cannot close standard
    /// input alone. API servers know `v5.channel.k8s.io` by default since Kubernetes 1.30 (feature
    /// gate `TranslateStreamCloseWebsocketRequests`).
    pub only_v4: bool,
    /// A WebSocket needs the permission to `create` the subresource beside the one to `get` it,
    /// as since Kubernetes 1.35 (feature gate `AuthorizePodWebsocketUpgradeCreatePermission`).
    pub needs_create: bool,
    /// How long what a command left behind may hold its output open before the end of the command
    /// is told, as an error then. `None`: as long as it likes, which is how containerd comes
    /// (`drain_exec_sync_io_timeout = "0s"`; its `internal/cri/server/container_execsync.go` uses
    /// it for streamed commands too).
    pub drain_timeout: Option<Duration>,
    /// What becomes of a command's output once the connection is lost. `None`: what really does.
    pub lost_output: Option<LostOutput>,
    /// After the status and the close frame the server waits until the client has closed the
    /// connection too. Otherwise it closes at once, and what the client has not received by then
    /// is lost if the client still sends something. API servers did so before they learnt to wait
    /// (the remark at `finish` in apiserver's `pkg/util/proxy/websocket.go`).
    pub waits_for_close: bool,
}

/// What becomes of the output of a command whose connection is lost.
///
/// The command is never killed: it ends with the pod at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostOutput {
    /// It goes on and nobody sees it. So with `v5.channel.k8s.io`, if the client is lost: the API
    /// server reads on from the kubelet (client-go's `tools/remotecommand/v2.go`, `copyStdout`).
    Discarded,
    /// It is held up: the command stops at its next write once the pipe is full. So with
    /// `v4.channel.k8s.io`, and if the API server is lost: containerd reads no more, and its shim
    /// keeps the pipe open (`cmd/containerd-shim-runc-v2/process/io.go`, `copyPipes`).
    Stalled,
    /// It is refused: the command gets SIGPIPE at its next write.
    Broken,
}
