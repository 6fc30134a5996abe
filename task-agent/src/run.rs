//! The agent's life.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fargate_core::{Error, ErrorKind, Result, host_proof};
use tokio::net::TcpListener;
use tokio::time::{interval, sleep, timeout};

use crate::server::Server;
use crate::state_dir::StateDir;
use crate::{
    AgentArgs, AgentEnd, EndSignals, connection, environment, hosts, keys, orphans, root, shell,
    umask,
};

/// How often ended processes are collected.
const TIDY: Duration = Duration::from_secs(2);
/// How long the last output, and exit codes of commands that were over before the agent's end, may
/// take to reach their clients.
const FAREWELL: Duration = Duration::from_secs(1);

/// Runs the agent to its end, on a runtime of its own.
///
/// It takes the whole process over: it sets [`AgentArgs::umask`], adopts and collects orphans,
/// handles SIGTERM, SIGINT and SIGHUP, and with [`AgentArgs::state_dir`] leaves the session of whoever started it. Call
/// [`init_logging`](crate::init_logging) before.
///
/// # Errors
/// `InvalidConfig` for a bad key, address or directory, `PermissionDenied` for an address this
/// user may not listen on, `Conflict` when the address or the state directory is taken,
/// `Unsupported` where there is no shell.
pub fn run(args: AgentArgs) -> Result<AgentEnd> {
    if let Some(mask) = args.umask {
        umask::set(mask);
    }
    if args.state_dir.is_some()
        && let Err(error) = rustix::process::setsid()
    {
        // A leader of a process group stays in its session; a shell with job control makes one.
        tracing::debug!(%error, "the agent stays in its session");
    }
    if root::is_outside(&args) {
        return root::accompany().map(AgentEnd::Inside);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| unexpected("the runtime did not start", error))?;
    let end = runtime.block_on(serve(args));
    runtime.shutdown_background();
    end
}

async fn serve(args: AgentArgs) -> Result<AgentEnd> {
    // From here on a signal ends the agent in order. Before, it would be lost on the first process
    // of a container, which ignores what it has no handler for (pid_namespaces(7)).
    let mut asked =
        EndSignals::new().map_err(|error| unexpected("signals are not handled", error))?;
    let authorized_key = keys::authorized_key(&args.authorized_key)?;
    let host_key = keys::host_key(args.host_key.as_deref())?;
    let host_line = keys::public_line(&host_key)?;
    let proof = args.host_secret.as_ref().map(|secret| {
        environment::close();
        // A banner's lines end as the protocol's do (RFC 4252 section 5.4).
        format!("{}\r\n", host_proof::prove(secret.expose(), &host_line))
    });
    let state = args.state_dir.as_deref().map(StateDir::hold).transpose()?;
    // Before there is a second thread: all of them have to have the same root and rights.
    root::enter(&args)?;
    let shell = shell::find()?;
    hosts::add(Path::new(hosts::FILE), &args.hosts);
    let listener = TcpListener::bind(args.listen).await.map_err(|error| refused(&args, error))?;
    let at = listener.local_addr().map_err(|error| unexpected("no address", error))?;
    orphans::adopt();
    let known_process = root::known_process(&args);
    let server = Arc::new(Server::new(host_key, authorized_key, proof, shell, args.more_path));
    if let Some(state) = &state {
        state.publish(known_process, at, &host_line)?;
    }
    tracing::info!(address = %at, host_key = host_line, "listening");

    let end = tokio::select! {
        () = asked.recv() => AgentEnd::Asked,
        () = deadline(args.deadline) => AgentEnd::Deadline,
        () = gone(state.as_ref()) => AgentEnd::StateDirGone,
        () = connection::accept(&server, &listener) => AgentEnd::Asked,
        () = tidy(&server) => AgentEnd::Asked,
    };
    tracing::info!(reason = ?end, "ending");
    drop(listener);
    server.groups.end_all(args.grace).await;
    server.commands.close();
    server.clients.close();
    let farewell = async {
        server.commands.wait().await;
        // What was sent last may still be queued; a client that got it hangs up by itself. A
        // DISCONNECT message would make OpenSSH's client forget the exit code it has just got.
        server.clients.wait().await;
    };
    if timeout(FAREWELL, farewell).await.is_err() {
        tracing::debug!("a client did not take its last output in time, or stayed");
    }
    server.closed.cancel();
    Ok(end)
}

async fn deadline(after: Option<Duration>) {
    match after {
        Some(after) => sleep(after).await,
        None => pending().await,
    }
}

async fn gone(state: Option<&StateDir>) {
    match state {
        Some(state) => state.gone().await,
        None => pending().await,
    }
}

async fn tidy(server: &Server) {
    let mut tick = interval(TIDY);
    loop {
        tick.tick().await;
        server.groups.tidy();
    }
}

fn refused(args: &AgentArgs, error: std::io::Error) -> Error {
    let (kind, hint) = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            (ErrorKind::Conflict, "end what listens there (an sshd?), or choose another --listen")
        }
        std::io::ErrorKind::PermissionDenied => {
            (ErrorKind::PermissionDenied, "run as root, or choose a port above 1023 with --listen")
        }
        _ => (ErrorKind::InvalidConfig, "choose an address of this machine with --listen"),
    };
    Error::new(kind, "listen", format!("{} cannot be listened on", args.listen))
        .hint(hint)
        .source(error)
}

fn unexpected(what: &'static str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "run the agent", what).source(error)
}
