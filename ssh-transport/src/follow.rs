use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use fargate_core::{Error, ErrorKind, ExitStatus, OutputSink, Result, Stream};
use russh::{ChannelMsg, ChannelReadHalf, Sig};
use tokio::select;
use tokio::time::{Instant, timeout};

use crate::connect::Connection;
use crate::error;
use crate::preamble::{Piece, Preamble};
use crate::tail::Tail;
use crate::target::Target;

/// SSH_EXTENDED_DATA_STDERR (RFC 4254 section 5.2).
const STDERR: u32 = 1;

/// How following a script went wrong.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The sink takes no more; the script still runs.
    Sink(Error),
    /// The script's outcome cannot be told, or it never ran.
    Script(Error),
}

/// Where the script stands.
#[derive(Debug)]
enum Phase {
    /// The wrapper talks, and perhaps the login shell.
    Preamble(Preamble),
    /// Every byte is the script's.
    Running,
    /// The script could not be stored.
    NotStored(String),
}

/// One script's session, read to its end.
pub(crate) struct Follower {
    read: ChannelReadHalf,
    phase: Phase,
    pid: Option<u32>,
    status: Option<ExitStatus>,
    drain: Duration,
}

enum Next {
    Message(Option<ChannelMsg>),
    Uploaded,
    Drained,
}

impl Follower {
    pub(crate) fn new(read: ChannelReadHalf, nonce: String, drain: Duration) -> Self {
        let phase = Phase::Preamble(Preamble::new(nonce));
        Self { read, phase, pid: None, status: None, drain }
    }

    /// Drives `upload` and pushes the output into `out` until the session is over.
    ///
    /// # Cancel safety
    /// Dropping it loses output, but neither the process id nor the place in the stream.
    pub(crate) async fn follow(
        &mut self,
        upload: impl Future<Output = ()>,
        out: &mut dyn OutputSink,
        target: &Target,
        connection: &Connection,
    ) -> Result<ExitStatus, Trouble> {
        let mut upload = pin!(upload);
        let mut uploading = true;
        let mut unflushed = false;
        let mut tail: Option<Tail> = None;
        loop {
            // Whatever is at hand comes first; a flush for each packet would be slow.
            let at_hand = select! {
                biased;
                message = self.read.wait() => Some(message),
                () = ready(()) => None,
            };
            let next = match at_hand {
                Some(message) => Next::Message(message),
                None => {
                    if std::mem::take(&mut unflushed) {
                        out.flush().await.map_err(Trouble::Sink)?;
                    }
                    let began = Instant::now();
                    let next = select! {
                        biased;
                        next = wait(&mut self.read, tail.as_ref()) => next,
                        () = &mut upload, if uploading => Next::Uploaded,
                    };
                    if let Some(tail) = &mut tail {
                        tail.waited(began.elapsed());
                    }
                    next
                }
            };
            let message = match next {
                Next::Message(Some(message)) => message,
                Next::Uploaded => {
                    uploading = false;
                    continue;
                }
                Next::Message(None) | Next::Drained => break,
            };
            match message {
                ChannelMsg::Data { data } => {
                    count(&mut tail, data.len());
                    unflushed = true;
                    self.stdout(&data, out).await?;
                }
                ChannelMsg::ExtendedData { data, ext: STDERR } => {
                    count(&mut tail, data.len());
                    unflushed = true;
                    out.write(Stream::Stderr, &data).await.map_err(Trouble::Sink)?;
                }
                ChannelMsg::ExitStatus { exit_status } => {
                    self.status = Some(ExitStatus::Code(exit_status));
                    tail = Some(Tail::new(self.drain));
                }
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    self.status = Some(ExitStatus::Signal(signal(signal_name)));
                    tail = Some(Tail::new(self.drain));
                }
                ChannelMsg::Failure => {
                    return Err(Trouble::Script(error::no_commands(target, error::RUN)));
                }
                // The status may come after the end of the streams.
                ChannelMsg::Eof if self.status.is_some() => break,
                ChannelMsg::Close => break,
                _ => {}
            }
            // Also when data is always at hand: a left-behind process may write for ever.
            if tail.as_ref().is_some_and(|tail| tail.patience().is_none()) {
                break;
            }
        }
        if let Phase::Preamble(preamble) = &mut self.phase {
            let rest = preamble.rest();
            if !rest.is_empty() {
                out.write(Stream::Stdout, &rest).await.map_err(Trouble::Sink)?;
            }
        }
        out.flush().await.map_err(Trouble::Sink)?;
        self.verdict(target, connection).map_err(Trouble::Script)
    }

    /// Reads on, throwing everything away, until the process id is known or the session is over.
    pub(crate) async fn wait_for_pid(&mut self) -> Option<u32> {
        while self.pid.is_none() {
            match self.read.wait().await? {
                ChannelMsg::Data { data } => self.stdout(&data, &mut Nowhere).await.ok()?,
                ChannelMsg::Close => return None,
                _ => {}
            }
        }
        self.pid
    }

    /// Reads on, throwing everything away, and never ends: a full pipe would keep the script from
    /// ending on its own.
    pub(crate) async fn discard(&mut self) {
        while self.read.wait().await.is_some() {}
        std::future::pending::<()>().await;
    }

    async fn stdout(&mut self, data: &[u8], out: &mut dyn OutputSink) -> Result<(), Trouble> {
        let Phase::Preamble(preamble) = &mut self.phase else {
            return out.write(Stream::Stdout, data).await.map_err(Trouble::Sink);
        };
        preamble.push(data);
        while let Some(piece) = preamble.next().map_err(Trouble::Script)? {
            match piece {
                Piece::Noise(noise) => {
                    out.write(Stream::Stdout, &noise).await.map_err(Trouble::Sink)?;
                }
                Piece::Pid(pid) => self.pid = Some(pid),
                Piece::Failed(why) => {
                    self.phase = Phase::NotStored(why);
                    return Ok(());
                }
                Piece::Run(output) => {
                    self.phase = Phase::Running;
                    if output.is_empty() {
                        return Ok(());
                    }
                    return out.write(Stream::Stdout, &output).await.map_err(Trouble::Sink);
                }
            }
        }
        Ok(())
    }

    fn verdict(&mut self, target: &Target, connection: &Connection) -> Result<ExitStatus> {
        let started = matches!(self.phase, Phase::Running);
        match (self.status.take(), &self.phase) {
            (Some(status), Phase::Running) => Ok(status),
            (_, Phase::NotStored(why)) => Err(target
                .error(ErrorKind::TaskFailed, error::RUN, "the script could not be stored")
                .with("reason", why)
                .hint(
                    "the task needs a writable TMPDIR (or /tmp, /dev/shm, /var/tmp or home) with \
                     room for the script; raise the ephemeral storage if the disk is full",
                )),
            (Some(status), Phase::Preamble(_)) => Err(target
                .error(
                    ErrorKind::TaskFailed,
                    error::RUN,
                    format_args!("the login shell ended with {status} before the script started"),
                )
                .hint(
                    "the user needs a working login shell, and the image needs sh, cat, wc and \
                     rm; the output above may say more",
                )),
            (None, _) => Err(error::lost(target, connection.learnt(), started)),
        }
    }
}

async fn wait(read: &mut ChannelReadHalf, tail: Option<&Tail>) -> Next {
    let Some(tail) = tail else { return Next::Message(read.wait().await) };
    let patience = tail.patience().unwrap_or_default();
    timeout(patience, read.wait()).await.map_or(Next::Drained, Next::Message)
}

fn count(tail: &mut Option<Tail>, bytes: usize) {
    if let Some(tail) = tail {
        tail.received(bytes);
    }
}

/// RFC 4254 section 6.10: names without "SIG"; others carry an "@" and a domain.
fn signal(signal: Sig) -> String {
    match signal {
        Sig::Custom(name) => name.split('@').next().unwrap_or_default().to_owned(),
        known => format!("{known:?}"),
    }
}

/// Takes output nobody wants any more.
struct Nowhere;

#[fargate_core::async_trait]
impl OutputSink for Nowhere {
    async fn write(&mut self, _: Stream, _: &[u8]) -> Result<()> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
