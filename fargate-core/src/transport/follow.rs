use std::fmt;
use std::future::ready;
use std::pin::pin;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::select;
use tokio::time::{Instant, timeout};

use super::commands::{Commands, Event, Patience, Session, StatusBy};
use super::epilogue::Epilogue;
use super::preamble::{Piece, Preamble};
use super::tail::Tail;
use crate::{Error, ErrorKind, ExitStatus, OutputSink, Result, Stream};

/// How following a script went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
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
    /// Every byte is the script's, but for the line with its exit code where there is one.
    Running(Option<Box<Epilogue>>),
    /// The script could not be stored.
    NotStored(String),
}

/// One script's session, read to its end.
pub(super) struct Follower<S> {
    session: S,
    nonce: String,
    phase: Phase,
    pid: Option<u32>,
    /// The script's, as the receiving shell wrote it.
    reported: Option<ExitStatus>,
    /// The command's, as the protocol told it.
    told: Option<ExitStatus>,
    patience: Patience,
}

enum Next {
    Event(Option<Event>),
    Uploaded,
    Drained,
}

impl<S: Session> Follower<S> {
    pub(super) fn new(session: S, op: &'static str, nonce: String, patience: Patience) -> Self {
        let phase = Phase::Preamble(Preamble::new(op, nonce.clone()));
        Self { session, nonce, phase, pid: None, reported: None, told: None, patience }
    }

    pub(super) fn into_session(self) -> S {
        self.session
    }

    /// Drives `upload` and pushes the output into `out` until the session is over.
    ///
    /// # Cancel safety
    /// Dropping it loses output, but neither the process id nor the place in the stream.
    pub(super) async fn follow<C: Commands>(
        &mut self,
        upload: impl Future<Output = ()>,
        out: &mut dyn OutputSink,
        commands: &C,
    ) -> Result<ExitStatus, Trouble> {
        let mut upload = pin!(upload);
        let mut uploading = true;
        let mut unflushed = false;
        let mut tail: Option<Tail> = None;
        loop {
            // Whatever is at hand comes first; a flush for each packet would be slow.
            let at_hand = select! {
                biased;
                event = self.session.next() => Some(event),
                () = ready(()) => None,
            };
            let next = match at_hand {
                Some(event) => Next::Event(event),
                None => {
                    if std::mem::take(&mut unflushed) {
                        out.flush().await.map_err(Trouble::Sink)?;
                    }
                    let began = Instant::now();
                    let next = select! {
                        biased;
                        next = wait(&mut self.session, tail.as_ref()) => next,
                        () = &mut upload, if uploading => Next::Uploaded,
                    };
                    if let Some(tail) = &mut tail {
                        tail.waited(began.elapsed());
                    }
                    next
                }
            };
            let event = match next {
                Next::Event(Some(event)) => event,
                Next::Uploaded => {
                    uploading = false;
                    continue;
                }
                Next::Event(None) | Next::Drained => break,
            };
            match event {
                Event::Output(stream, data) => {
                    if let Some(tail) = &mut tail {
                        tail.received(data.len());
                    }
                    unflushed = true;
                    self.output(stream, data, C::STATUS, out).await?;
                }
                Event::Status(status) => self.told = Some(status),
                Event::Refused(error) => return Err(Trouble::Script(error)),
                // The status may come after the end of the streams.
                Event::EndOfOutput if self.has_ended() => break,
                Event::EndOfOutput => {}
            }
            if self.has_ended() && tail.is_none() {
                tail = Some(Tail::new(self.patience.drain, self.patience.in_flight));
            }
            // Also when data is always at hand: a left-behind process may write for ever.
            if tail.as_ref().is_some_and(|tail| tail.patience().is_none()) {
                break;
            }
        }
        let rest = self.rest();
        if !rest.is_empty() {
            out.write(Stream::Stdout, &rest).await.map_err(Trouble::Sink)?;
        }
        out.flush().await.map_err(Trouble::Sink)?;
        self.verdict(commands).map_err(Trouble::Script)
    }

    /// Reads on, throwing everything away, until the process id is known or the session is over.
    pub(super) async fn wait_for_pid(&mut self) -> Option<u32> {
        while self.pid.is_none() {
            if let Event::Output(stream, data) = self.session.next().await? {
                self.output(stream, data, StatusBy::Protocol, &mut Nowhere).await.ok()?;
            }
        }
        self.pid
    }

    /// Reads on, throwing everything away, and never ends: a full pipe would keep the script from
    /// ending on its own.
    pub(super) async fn discard(&mut self) {
        while self.session.next().await.is_some() {}
        std::future::pending::<()>().await;
    }

    fn has_ended(&self) -> bool {
        self.reported.is_some() || self.told.is_some()
    }

    /// What was held back because it looked like a line of the receiving shell's.
    fn rest(&mut self) -> Bytes {
        match &mut self.phase {
            Phase::Preamble(preamble) => preamble.rest().into(),
            Phase::Running(Some(epilogue)) => epilogue.rest(),
            Phase::Running(None) | Phase::NotStored(_) => Bytes::new(),
        }
    }

    async fn output(
        &mut self,
        stream: Stream,
        data: Bytes,
        status: StatusBy,
        out: &mut dyn OutputSink,
    ) -> Result<(), Trouble> {
        match (stream, &mut self.phase) {
            (Stream::Stdout, Phase::Preamble(preamble)) => preamble.push(&data),
            (Stream::Stdout, Phase::Running(Some(_))) => return self.sift(data, out).await,
            _ => return out.write(stream, &data).await.map_err(Trouble::Sink),
        }
        self.begin(status, out).await
    }

    /// Takes apart what came before the script's own output.
    async fn begin(&mut self, status: StatusBy, out: &mut dyn OutputSink) -> Result<(), Trouble> {
        let Phase::Preamble(preamble) = &mut self.phase else { return Ok(()) };
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
                    let told = status == StatusBy::Output;
                    self.phase = Phase::Running(told.then(|| Box::new(Epilogue::new(&self.nonce))));
                    return self.sift(output.into(), out).await;
                }
            }
        }
        Ok(())
    }

    /// Passes on the script's own output, and takes its exit code out where it is in there.
    async fn sift(&mut self, data: Bytes, out: &mut dyn OutputSink) -> Result<(), Trouble> {
        let output = match &mut self.phase {
            Phase::Running(Some(epilogue)) => {
                let sifted = epilogue.sift(data);
                if let Some(code) = sifted.code {
                    self.reported = Some(ExitStatus::Code(code));
                }
                sifted.output
            }
            _ => data,
        };
        if output.is_empty() {
            return Ok(());
        }
        out.write(Stream::Stdout, &output).await.map_err(Trouble::Sink)
    }

    fn verdict<C: Commands>(&mut self, commands: &C) -> Result<ExitStatus> {
        let failed = |what: fmt::Arguments<'_>| commands.error(ErrorKind::TaskFailed, C::RUN, what);
        match &self.phase {
            Phase::NotStored(why) => Err(failed(format_args!("the script could not be stored"))
                .with("reason", why)
                .hint(
                    "the task needs a writable TMPDIR (or /tmp, /dev/shm, /var/tmp or home) with \
                     room for the script; raise the ephemeral storage if the disk is full",
                )),
            Phase::Preamble(_) => match &self.told {
                Some(status) => Err(failed(format_args!(
                    "the shell ended with {status} before the script started"
                ))
                .hint(
                    "the user needs a working login shell, and the image needs sh, cat, wc and \
                     rm; the output above may say more",
                )),
                None => Err(lost(commands, self.session.why_ended(), false)),
            },
            Phase::Running(None) => {
                self.told.take().ok_or_else(|| lost(commands, self.session.why_ended(), true))
            }
            Phase::Running(Some(_)) => match (self.reported.take(), self.told.take()) {
                (Some(own), _) => Ok(own),
                // What the shell could not write it has ended with; a signal would be 128 and more.
                (None, Some(ExitStatus::Code(code))) if code < 128 => Ok(ExitStatus::Code(code)),
                (None, Some(how)) => {
                    let why = format!("the shell that waited for it ended with {how}");
                    Err(lost(commands, Some(why), true))
                }
                (None, None) => Err(lost(commands, self.session.why_ended(), true)),
            },
        }
    }
}

/// The connection ended before an exit status came.
fn lost<C: Commands>(commands: &C, why: Option<String>, started: bool) -> Error {
    let what = format_args!(
        "the connection ended before an exit status arrived; whether the script finished is unknown"
    );
    let why = why.unwrap_or_else(|| "the session was closed without an exit status".to_owned());
    commands
        .error(ErrorKind::ConnectionLost, C::RUN, what)
        .with("reason", why)
        .with("script", if started { "had started" } else { "had not reported its start" })
        .hint(
            "the task was probably stopped or ran out of memory: look at its stop reason and at \
             the script's last output",
        )
}

async fn wait<S: Session>(session: &mut S, tail: Option<&Tail>) -> Next {
    let Some(tail) = tail else { return Next::Event(session.next().await) };
    let patience = tail.patience().unwrap_or_default();
    timeout(patience, session.next()).await.map_or(Next::Drained, Next::Event)
}

/// Takes output nobody wants any more.
struct Nowhere;

#[async_trait]
impl OutputSink for Nowhere {
    async fn write(&mut self, _: Stream, _: &[u8]) -> Result<()> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
