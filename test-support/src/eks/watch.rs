//! Watches: a stream of lines that tell what changes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, sleep_until};

use super::call::{Call, Target};
use super::faults::Trouble;
use super::refusal::Refusal;
use super::selector::Selector;
use super::state::World;
use super::store::{Change, Resource};

/// How long a watch lasts that gives no `timeoutSeconds`.
const LONGEST: Duration = Duration::from_secs(1800);

/// The body of the answer: what is sent into the channel. An error breaks the connection.
#[derive(Debug)]
pub(super) struct Lines {
    lines: mpsc::Receiver<io::Result<Bytes>>,
    broken: Option<io::Error>,
}

impl Body for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match self.lines.poll_recv(context) {
            Poll::Ready(Some(Err(error))) => {
                // Not at once: what was said before has to be on its way first.
                self.broken = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            line => line.map(|line| line.map(|line| line.map(Frame::data))),
        }
    }
}

/// Everything one watch knows.
#[derive(Debug)]
struct Watch {
    world: Arc<World>,
    resource: Resource,
    namespace: Option<String>,
    selector: Selector,
    bookmarks: bool,
    until: Instant,
    trouble: Option<Trouble>,
    lines: mpsc::Sender<io::Result<Bytes>>,
    /// The version up to which everything was told.
    told: u64,
    /// How many events were sent.
    sent: u32,
}

/// Why a watch ends.
enum End {
    /// In order, or because nobody listens any more.
    Over,
    Cut,
}

/// Begins a watch; what it says comes out of the body.
pub(super) fn start(
    world: &Arc<World>,
    call: &Call,
    trouble: Option<Trouble>,
) -> Result<Lines, Refusal> {
    let Target::Objects { resource, namespace, .. } = &call.target else {
        return Err(Refusal::no_such_path());
    };
    let selector = Selector::read(*resource, &call.query)?;
    let lasts = call.number("timeoutSeconds")?.map_or(LONGEST, Duration::from_secs);
    // Without a version, or with 0, everything there is comes first, as if it were new.
    let from = call.number("resourceVersion")?.filter(|version| *version > 0);
    let (lines, receiver) = mpsc::channel(16);
    let watch = Watch {
        world: Arc::clone(world),
        resource: *resource,
        namespace: namespace.clone(),
        selector,
        bookmarks: call.flag("allowWatchBookmarks"),
        until: Instant::now() + lasts,
        trouble,
        lines,
        told: from.unwrap_or(0),
        sent: 0,
    };
    let initial = call.flag("sendInitialEvents");
    let task = tokio::spawn(watch.run(from.is_none() || initial, initial));
    world.memory().tasks.push(task.abort_handle());
    Ok(Lines { lines: receiver, broken: None })
}

impl Watch {
    async fn run(mut self, from_scratch: bool, marks_the_start: bool) {
        let end = self.tell(from_scratch, marks_the_start).await;
        if matches!(end, Err(End::Cut)) {
            // If nobody listens, there is nothing left to break.
            let _ = self.lines.send(Err(io::Error::other("the watch is cut"))).await;
        }
    }

    async fn tell(&mut self, from_scratch: bool, marks_the_start: bool) -> Result<(), End> {
        let mut versions = self.world.memory().store.versions();
        self.meet_trouble().await?;
        if from_scratch {
            let (objects, version) = self.everything();
            for object in objects {
                self.event("ADDED", &object).await?;
            }
            self.told = version;
            if marks_the_start {
                self.bookmark(true).await?;
            }
        }
        let pause = self.world.options.bookmarks;
        let mut bookmarks = interval_at(Instant::now() + pause, pause);
        loop {
            versions.borrow_and_update();
            let news = self.world.memory().store.since(self.told);
            match news {
                Ok(changes) => {
                    for change in changes {
                        self.change(&change).await?;
                        self.told = change.version;
                    }
                }
                Err(expired) => return self.line("ERROR", &expired.status()).await,
            }
            tokio::select! {
                changed = versions.changed() => if changed.is_err() { return Err(End::Over) },
                _ = bookmarks.tick(), if self.bookmarks => self.bookmark(false).await?,
                () = sleep_until(self.until) => return Ok(()),
                () = self.lines.closed() => return Err(End::Over),
            }
        }
    }

    fn everything(&self) -> (Vec<Value>, u64) {
        let memory = self.world.memory();
        let all = memory.store.list(self.resource, self.namespace.as_deref());
        let picked = all.into_iter().filter(|object| self.selector.picks(object));
        (picked.cloned().collect(), memory.store.version())
    }

    async fn change(&mut self, change: &Change) -> Result<(), End> {
        let place = change.after["metadata"]["namespace"].as_str().unwrap_or_default();
        if change.resource != self.resource
            || self.namespace.as_ref().is_some_and(|wanted| wanted != place)
        {
            return Ok(());
        }
        let before = change.before.as_ref().is_some_and(|object| self.selector.picks(object));
        let after = !change.deleted && self.selector.picks(&change.after);
        // What is not picked any more is as good as gone for who watches.
        let kind = match (before, after) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return Ok(()),
        };
        self.event(kind, &change.after).await
    }

    async fn event(&mut self, kind: &str, object: &Value) -> Result<(), End> {
        self.line(kind, object).await?;
        self.sent += 1;
        self.meet_trouble().await
    }

    async fn bookmark(&self, ends_the_start: bool) -> Result<(), End> {
        let mut metadata = json!({"resourceVersion": self.told.to_string()});
        if ends_the_start {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let mark = json!({"kind": self.resource.kind(), "apiVersion": "v1", "metadata": metadata});
        self.line("BOOKMARK", &mark).await
    }

    /// Ends the watch if it was to end after so many events.
    async fn meet_trouble(&self) -> Result<(), End> {
        match self.trouble {
            Some(Trouble::CutWatch { after }) if self.sent >= after => Err(End::Cut),
            Some(Trouble::EndWatch { after }) if self.sent >= after => Err(End::Over),
            Some(Trouble::ExpireWatch { after }) if self.sent >= after => {
                let oldest = self.world.memory().store.version();
                self.line("ERROR", &Refusal::expired(self.told, oldest).status()).await?;
                Err(End::Over)
            }
            _ => Ok(()),
        }
    }

    async fn line(&self, kind: &str, object: &Value) -> Result<(), End> {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        self.lines.send(Ok(Bytes::from(line))).await.map_err(|_| End::Over)
    }
}
