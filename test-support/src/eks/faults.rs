//! What goes wrong with a call, and when.

use std::time::Duration;

use super::call::CALLS;

/// Something that goes wrong with calls of one verb on one resource.
///
/// Verbs are those of roles: create, get, list, watch, patch, update, delete, deletecollection.
/// Resources are pods, pods/exec and pods/portforward (get, and create: a WebSocket is a get),
/// events, configmaps, namespaces, version, and of the EKS service clusters and fargate-profiles
/// (get and list). A fault hits the next call, unless it is told otherwise. Of several faults that
/// would hit a call, the oldest does; one that delays or that cuts a watch goes along with others.
/// A fault of `create` hits a WebSocket too where the server asks for both verbs
/// ([`StreamOptions::needs_create`](super::StreamOptions::needs_create)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    verb: &'static str,
    resource: &'static str,
    trouble: Trouble,
    skip: u32,
    /// `None`: for ever.
    times: Option<u32>,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of every trouble are said in its own words")]
pub enum Trouble {
    /// 401: the token is not known, or not any more.
    Unauthorized,
    /// 403: no role allows it.
    Forbidden,
    /// 409: somebody else changed the object in between.
    Conflict,
    /// 410: the resource version or the continue token is too old. A watch is answered 200, and
    /// says so in an `ERROR` event.
    Expired,
    /// 429 in plain text, as flow control answers; with `Retry-After` in seconds.
    Throttled { retry_after: Option<u32> },
    /// 500 `InternalError`.
    ServerError,
    /// 503 `ServiceUnavailable`.
    Unavailable,
    /// 502 with a web page, as a load balancer answers.
    BadGateway,
    /// This `Status`.
    Status { code: u16, reason: &'static str, message: String },
    /// The connection ends before the call has an effect.
    CutBefore,
    /// The call has its effect, then the connection ends without an answer.
    CutAfter,
    /// The answer comes `0` later; so does the effect.
    Delay(Duration),
    /// The connection of a watch breaks after so many events.
    CutWatch { after: u32 },
    /// A watch ends in order after so many events, as it does every few minutes.
    EndWatch { after: u32 },
    /// A watch says 410 after so many events, and ends.
    ExpireWatch { after: u32 },
}

impl Fault {
    /// The next call of `verb` on `resource` meets this trouble.
    ///
    /// # Panics
    /// If there is no such call: the fault would never happen.
    #[must_use]
    pub fn new(verb: &'static str, resource: &'static str, trouble: Trouble) -> Self {
        assert!(
            CALLS.contains(&(verb, resource)),
            "nothing can {verb} {resource}: the fault would never happen"
        );
        assert!(
            !trouble.is_of_a_watch() || verb == "watch",
            "{trouble:?} happens to watches, not to {verb}"
        );
        Self { verb, resource, trouble, skip: 0, times: Some(1) }
    }

    /// So many calls meet it.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Every call meets it, until faults are cleared.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Lets so many calls pass before.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }
}

impl Trouble {
    fn is_of_a_watch(&self) -> bool {
        matches!(self, Self::CutWatch { .. } | Self::EndWatch { .. } | Self::ExpireWatch { .. })
    }
}

/// What happens to one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) delay: Option<Duration>,
    /// Whatever else it is.
    pub(super) trouble: Option<Trouble>,
    pub(super) watch: Option<Trouble>,
}

/// Every fault that has not happened yet.
#[derive(Debug, Default)]
pub(super) struct FaultQueue(Vec<Fault>);

impl FaultQueue {
    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Decides about one call, and uses up what hits it.
    pub(super) fn fate(&mut self, verb: &str, resource: &str) -> Fate {
        let mut fate = Fate::default();
        for fault in &mut self.0 {
            if fault.verb != verb || fault.resource != resource {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            let taken = match fault.trouble {
                Trouble::Delay(by) if fate.delay.is_none() => {
                    fate.delay = Some(by);
                    true
                }
                Trouble::Delay(_) => false,
                _ => {
                    let place = if fault.trouble.is_of_a_watch() {
                        &mut fate.watch
                    } else {
                        &mut fate.trouble
                    };
                    let free = place.is_none();
                    if free {
                        *place = Some(fault.trouble.clone());
                    }
                    free
                }
            };
            if taken && let Some(times) = &mut fault.times {
                *times = times.saturating_sub(1);
            }
        }
        self.0.retain(|fault| fault.times != Some(0));
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubles(queue: &mut FaultQueue, calls: usize) -> Vec<Option<Trouble>> {
        (0..calls).map(|_| queue.fate("create", "pods").trouble).collect()
    }

    #[test]
    fn a_fault_skips_and_ends() {
        let mut queue = FaultQueue::default();
        queue.push(Fault::new("create", "pods", Trouble::Forbidden).after(1).times(2));
        let hit = Some(Trouble::Forbidden);
        assert_eq!(troubles(&mut queue, 4), [None, hit.clone(), hit, None]);
        assert_eq!(queue.fate("get", "pods"), Fate::default());
    }

    #[test]
    fn one_trouble_a_call_and_a_delay_beside_it() {
        let mut queue = FaultQueue::default();
        queue.push(Fault::new("create", "pods", Trouble::ServerError));
        queue.push(Fault::new("create", "pods", Trouble::Unavailable));
        queue.push(Fault::new("create", "pods", Trouble::Delay(Duration::from_secs(1))));
        let first = queue.fate("create", "pods");
        assert_eq!(first.trouble, Some(Trouble::ServerError));
        assert_eq!(first.delay, Some(Duration::from_secs(1)));
        assert_eq!(troubles(&mut queue, 2), [Some(Trouble::Unavailable), None]);
    }

    #[test]
    #[should_panic(expected = "nothing can create events")]
    fn an_unknown_call_is_a_mistake() {
        let _ = Fault::new("create", "events", Trouble::Forbidden);
    }
}
