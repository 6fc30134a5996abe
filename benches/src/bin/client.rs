//! Our client as a process, for comparison with others.
//!
//! ```text
//! bench-client script  KEY PORT HOSTKEY FILE       a script from a file
//! bench-client command KEY PORT HOSTKEY TEXT       a script from the command line
//! bench-client probe   KEY PORT HOSTKEY            `true` as a plain command
//! bench-client many    KEY PORT HOSTKEY COUNT      sessions at once; prints memory
//! bench-client exits   KEY PORT HOSTKEY COUNT      exit codes; prints how many were right
//! bench-client russh   KEY PORT HOSTKEY COMMAND    russh as it comes
//! bench-client reuse   KEY PORT HOSTKEY COUNT      `true` on one connection; prints nanoseconds
//! ```

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use fargate_benches::args::Login;
use fargate_benches::process;
use fargate_benches::session::Session;
use fargate_benches::sink::{Counter, Passing};
use fargate_core::{
    ErrorKind, ExecRequest, ExitStatus, OutputSink, RemoteExec, Result, Stream, async_trait,
    keep_freed_memory,
};
use fargate_ssh_transport::{SshConfig, SshExec};
use tokio::sync::watch;
use tokio::task::JoinSet;

fn main() -> io::Result<ExitCode> {
    keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().ok_or_else(|| io::Error::other("no mode given"))?;
    let login = Login::from_args(&mut arguments)?;
    let what = arguments.next().unwrap_or_default();
    // As the driver runs: one connection, one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(run(&mode, &login, what));
    // Nothing is left to wait for.
    runtime.shutdown_background();
    Ok(ExitCode::from(u8::try_from(code?).unwrap_or(255)))
}

async fn run(mode: &str, login: &Login, what: String) -> io::Result<u32> {
    match mode {
        "script" => script(login, std::fs::read(what)?).await,
        "command" => script(login, what.into_bytes()).await,
        "probe" => {
            exec(login)?.probe(&login.endpoint()).await.map_err(io::Error::other)?;
            Ok(0)
        }
        "many" => many(login, number(&what)?).await,
        "exits" => exits(login, number(&what)?).await,
        "russh" => Session::open(login).await?.run(&what, &mut Passing::new()?).await,
        "reuse" => reuse(login, number(&what)?).await,
        _ => Err(io::Error::other(format!("no mode {mode}"))),
    }
}

fn number(text: &str) -> io::Result<u32> {
    text.parse().map_err(io::Error::other)
}

fn exec(login: &Login) -> io::Result<SshExec> {
    Ok(SshExec::new(SshConfig::default(), login.key()?))
}

async fn script(login: &Login, script: Vec<u8>) -> io::Result<u32> {
    let mut out = Passing::new()?;
    let status = exec(login)?.exec(&login.endpoint(), ExecRequest::script(script), &mut out).await;
    Ok(status.map_err(io::Error::other)?.shell_code())
}

/// Opens one session, then the rest, and keeps all of them open until each has spoken.
async fn many(login: &Login, count: u32) -> io::Result<u32> {
    let (up, mut seen) = watch::channel(0);
    let exec = exec(login)?;
    let mut sessions = JoinSet::new();
    let mut resident = Vec::new();
    for wanted in [1, count] {
        while sessions.len() < wanted as usize {
            let (exec, at, mut out) = (exec.clone(), login.endpoint(), Up(up.clone()));
            // Held until this process is gone or says so.
            let request = ExecRequest::script("echo up; exec sleep 120");
            sessions.spawn(async move { exec.exec(&at, request, &mut out).await });
        }
        tokio::select! {
            all = seen.wait_for(|seen| *seen >= wanted) => { all.map_err(io::Error::other)?; }
            Some(ended) = sessions.join_next() => {
                let why = ended.map_err(io::Error::other)?.map_err(io::Error::other)?;
                return Err(io::Error::other(format!("a session ended early: {why}")));
            }
        }
        resident.push(process::resident(std::process::id()).unwrap_or(0));
    }
    writeln!(io::stdout(), "{} {}", resident[0], resident[1])?;
    Ok(0)
}

/// Counts sessions that have written something.
struct Up(watch::Sender<u32>);

#[async_trait]
impl OutputSink for Up {
    async fn write(&mut self, _: Stream, _: &[u8]) -> Result<()> {
        self.0.send_modify(|up| *up += 1);
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Short commands with output, a few at a time.
async fn exits(login: &Login, count: u32) -> io::Result<u32> {
    const AT_ONCE: usize = 4;
    let exec = exec(login)?;
    let mut running = JoinSet::new();
    let mut right = 0;
    for index in 0..count {
        if running.len() >= AT_ONCE {
            right += finished(&mut running).await?;
        }
        let (exec, at) = (exec.clone(), login.endpoint());
        running.spawn(async move {
            let mut out = Counter::default();
            let request = ExecRequest::script(format!("echo 1234567; exit {}", index % 256));
            let status = exec.exec(&at, request, &mut out).await?;
            let right = status == ExitStatus::Code(index % 256) && out.bytes == 8;
            Ok::<_, fargate_core::Error>(u32::from(right))
        });
    }
    while !running.is_empty() {
        right += finished(&mut running).await?;
    }
    writeln!(io::stdout(), "{right}")?;
    Ok(0)
}

async fn finished(running: &mut JoinSet<Result<u32>>) -> io::Result<u32> {
    match running.join_next().await {
        // No exit status: exactly what is counted here.
        Some(Ok(Err(error))) if error.kind() == ErrorKind::ConnectionLost => Ok(0),
        Some(ended) => ended.map_err(io::Error::other)?.map_err(io::Error::other),
        None => Ok(0),
    }
}

async fn reuse(login: &Login, count: u32) -> io::Result<u32> {
    let session = Session::open_quickly(login).await?;
    let mut out = Counter::default();
    session.run("true", &mut out).await?;
    for _ in 0..count {
        let began = Instant::now();
        if session.run("true", &mut out).await? != 0 {
            return Err(io::Error::other("true failed"));
        }
        writeln!(io::stdout(), "{}", began.elapsed().as_nanos())?;
    }
    session.close().await?;
    Ok(0)
}
