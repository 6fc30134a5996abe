//! What goes wrong, and when.

use std::time::Duration;

use super::TaskEnd;
use super::api_error::ApiError;
use super::request::{OPERATIONS, Service};

/// Something that goes wrong.
///
/// Faults wait in a queue. One with `times` ends after so many matching calls; `op` is the name
/// of an operation, such as `RunTask`. Of several faults that would refuse a call, the oldest
/// does. The faults without `times` that describe a task belong to the next task that is started;
/// [`NoRoomIn`](Self::NoRoomIn), [`ListLag`](Self::ListLag), [`DenyTags`](Self::DenyTags) and
/// [`Deny`](Self::Deny) stay until [`EcsDouble::clear_faults`](super::EcsDouble::clear_faults).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of every fault are said in the fault's own words")]
pub enum Fault {
    /// `op` is refused with the service's throttling error.
    Throttle { op: &'static str, times: u32 },
    /// `op` is answered with HTTP 500.
    ServerError { op: &'static str, times: u32 },
    /// `op` is answered with this error.
    Error { op: &'static str, code: String, message: String, http_status: u16, times: u32 },
    /// `RunTask` succeeds with no task and this reason among the failures.
    CapacityFailures { times: u32, reason: String },
    /// There is never room in these places. An empty list means every subnet (every provider);
    /// the launch type FARGATE counts as the provider of that name.
    NoRoomIn { subnets: Vec<String>, providers: Vec<String>, reason: String },
    /// `op` does its work, then the connection closes without an answer.
    LostResponse { op: &'static str, times: u32 },
    /// `op` is answered `by` later; it does its work after the pause.
    Delay { op: &'static str, by: Duration, times: u32 },
    /// `DescribeTasks` says MISSING of every task.
    Missing { times: u32 },
    /// `ListTasks` shows a task only `by` after it was started.
    ListLag { by: Duration },
    /// `DescribeNetworkInterfaces` shows no public address yet.
    NoAssociation { times: u32 },
    /// The next task stops in this way while it is PENDING.
    StopWhilePending(TaskEnd),
    /// The next task stays PENDING.
    NeverRunning,
    /// The next task never shows an address, though it runs.
    NoAddress,
    /// The next task runs, but nothing listens there.
    NoSshd,
    /// The next task accepts connections and says nothing.
    SilentSshd,
    /// The next task does not know the key it was given.
    WrongKey,
    /// Tags are refused: `RunTask` with tags, and `TagResource`.
    DenyTags,
    /// `op` is not allowed by any policy.
    Deny { op: &'static str },
    /// `DeleteTaskDefinitions` succeeds and deletes nothing, for this reason.
    KeepDefinitions { times: u32, reason: String },
    /// Any call is refused because the credentials have expired.
    ExpiredToken { times: u32 },
}

impl Fault {
    /// "Capacity is unavailable at this time", for the next `times` launches.
    #[must_use]
    pub fn capacity(times: u32) -> Self {
        Self::CapacityFailures { times, reason: NO_CAPACITY.to_owned() }
    }

    /// Somebody else is registering a revision of the same family, as far as ECS can see.
    #[must_use]
    pub fn concurrent_registration(times: u32) -> Self {
        Self::Error {
            op: "RegisterTaskDefinition",
            code: "ClientException".to_owned(),
            message: "Too many concurrent attempts to create a new revision of the specified \
                      family."
                .to_owned(),
            http_status: 400,
            times,
        }
    }

    /// No room on this capacity provider, whatever the subnet.
    #[must_use]
    pub fn no_room_on(provider: &str) -> Self {
        Self::NoRoomIn {
            subnets: Vec::new(),
            providers: vec![provider.to_owned()],
            reason: NO_CAPACITY.to_owned(),
        }
    }

    /// No room in this subnet, whatever the capacity provider.
    #[must_use]
    pub fn no_room_in(subnet: &str) -> Self {
        Self::NoRoomIn {
            subnets: vec![subnet.to_owned()],
            providers: Vec::new(),
            reason: NO_CAPACITY.to_owned(),
        }
    }

    fn times(&mut self) -> Option<&mut u32> {
        match self {
            Self::Throttle { times, .. }
            | Self::ServerError { times, .. }
            | Self::Error { times, .. }
            | Self::CapacityFailures { times, .. }
            | Self::LostResponse { times, .. }
            | Self::Delay { times, .. }
            | Self::Missing { times }
            | Self::KeepDefinitions { times, .. }
            | Self::NoAssociation { times }
            | Self::ExpiredToken { times } => Some(times),
            _ => None,
        }
    }

    fn operation(&self) -> Option<&'static str> {
        match self {
            Self::Throttle { op, .. }
            | Self::ServerError { op, .. }
            | Self::Error { op, .. }
            | Self::LostResponse { op, .. }
            | Self::Delay { op, .. }
            | Self::Deny { op } => Some(op),
            _ => None,
        }
    }

    fn hits(&self, op: &str) -> bool {
        self.operation().is_none_or(|mine| mine == op)
    }

    fn is_of_a_task(&self) -> bool {
        matches!(
            self,
            Self::StopWhilePending(_)
                | Self::NeverRunning
                | Self::NoAddress
                | Self::NoSshd
                | Self::SilentSshd
                | Self::WrongKey
        )
    }
}

const NO_CAPACITY: &str = "Capacity is unavailable at this time. Please try again later or in a \
                           different availability zone";

/// Every fault that has not happened yet.
#[derive(Debug, Default)]
pub(super) struct FaultQueue(Vec<Fault>);

impl FaultQueue {
    /// # Panics
    /// On an operation the double does not know: such a fault would never happen.
    pub(super) fn push(&mut self, mut fault: Fault) {
        if let Some(op) = fault.operation() {
            assert!(
                OPERATIONS.iter().any(|(_, known)| *known == op),
                "no operation is called {op}: the fault would never happen"
            );
        }
        if fault.times().is_none_or(|times| *times > 0) {
            self.0.push(fault);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Uses up one time of the oldest fault that `wanted` picks.
    fn take(&mut self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let index = self.0.iter().position(wanted)?;
        let fault = self.0[index].clone();
        if let Some(times) = self.0[index].times() {
            *times -= 1;
            if *times == 0 {
                self.0.remove(index);
            }
        } else if fault.is_of_a_task() {
            self.0.remove(index);
        }
        Some(fault)
    }

    pub(super) fn delay(&mut self, op: &str) -> Option<Duration> {
        match self.take(|fault| matches!(fault, Fault::Delay { .. }) && fault.hits(op))? {
            Fault::Delay { by, .. } => Some(by),
            _ => None,
        }
    }

    /// The error that refuses this call, if one does.
    pub(super) fn refusal(&mut self, service: Service, op: &str, who: &str) -> Option<ApiError> {
        let fault = self.take(|fault| {
            fault.hits(op)
                && matches!(
                    fault,
                    Fault::Throttle { .. }
                        | Fault::ServerError { .. }
                        | Fault::Error { .. }
                        | Fault::Deny { .. }
                        | Fault::ExpiredToken { .. }
                )
        })?;
        Some(match fault {
            Fault::ServerError { .. } => ApiError::server(service),
            Fault::Error { code, message, http_status, .. } => {
                ApiError::new(http_status, &code, message)
            }
            Fault::Deny { op } => ApiError::denied(service, who, op, "*"),
            Fault::ExpiredToken { .. } => ApiError::expired(service),
            _ => ApiError::throttled(service),
        })
    }

    pub(super) fn loses_response(&mut self, op: &str) -> bool {
        self.take(|fault| matches!(fault, Fault::LostResponse { .. }) && fault.hits(op)).is_some()
    }

    pub(super) fn denies_tags(&self) -> bool {
        self.0.contains(&Fault::DenyTags)
    }

    pub(super) fn hides_tasks(&mut self) -> bool {
        self.take(|fault| matches!(fault, Fault::Missing { .. })).is_some()
    }

    /// How far lists are behind.
    pub(super) fn list_lag(&self) -> Duration {
        let lag = |fault: &Fault| match fault {
            Fault::ListLag { by } => Some(*by),
            _ => None,
        };
        self.0.iter().filter_map(lag).max().unwrap_or_default()
    }

    /// Why nothing is deleted.
    pub(super) fn keeps_definitions(&mut self) -> Option<String> {
        match self.take(|fault| matches!(fault, Fault::KeepDefinitions { .. }))? {
            Fault::KeepDefinitions { reason, .. } => Some(reason),
            _ => None,
        }
    }

    pub(super) fn hides_association(&mut self) -> bool {
        self.take(|fault| matches!(fault, Fault::NoAssociation { .. })).is_some()
    }

    /// The failure reason a launch meets, wherever it would go.
    pub(super) fn capacity_failure(&mut self) -> Option<String> {
        match self.take(|fault| matches!(fault, Fault::CapacityFailures { .. }))? {
            Fault::CapacityFailures { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// The failure reason of one place, if there is no room.
    pub(super) fn no_room(&self, subnet: &str, provider: &str) -> Option<&str> {
        self.0.iter().find_map(|fault| match fault {
            Fault::NoRoomIn { subnets, providers, reason }
                if (subnets.is_empty() || subnets.iter().any(|one| one == subnet))
                    && (providers.is_empty() || providers.iter().any(|one| one == provider)) =>
            {
                Some(reason.as_str())
            }
            _ => None,
        })
    }

    /// The faults of the next task: one of each kind at most.
    pub(super) fn of_next_task(&mut self) -> Vec<Fault> {
        let mut taken: Vec<Fault> = Vec::new();
        while let Some(fault) = self.take(|fault| {
            let kind = std::mem::discriminant(fault);
            fault.is_of_a_task() && !taken.iter().any(|have| std::mem::discriminant(have) == kind)
        }) {
            taken.push(fault);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_after_its_times() {
        let mut queue = FaultQueue::default();
        queue.push(Fault::Throttle { op: "RunTask", times: 2 });
        let mut refused = || queue.refusal(Service::Ecs, "RunTask", "me").is_some();
        assert_eq!([refused(), refused(), refused()], [true, true, false]);
    }

    #[test]
    fn a_fault_hits_its_operation_only() {
        let mut queue = FaultQueue::default();
        queue.push(Fault::LostResponse { op: "RunTask", times: 1 });
        assert!(!queue.loses_response("StopTask"));
        assert!(queue.loses_response("RunTask"));
    }

    #[test]
    fn a_place_is_full_where_both_lists_agree() {
        let mut queue = FaultQueue::default();
        queue.push(Fault::NoRoomIn {
            subnets: vec!["a".to_owned()],
            providers: vec!["FARGATE_SPOT".to_owned()],
            reason: "full".to_owned(),
        });
        assert_eq!(queue.no_room("a", "FARGATE_SPOT"), Some("full"));
        assert_eq!(queue.no_room("a", "FARGATE"), None);
        assert_eq!(queue.no_room("b", "FARGATE_SPOT"), None);
    }

    #[test]
    fn each_task_takes_one_fault_of_a_kind() {
        let mut queue = FaultQueue::default();
        for fault in [Fault::NoSshd, Fault::NoSshd, Fault::NoAddress] {
            queue.push(fault);
        }
        assert_eq!(queue.of_next_task(), [Fault::NoSshd, Fault::NoAddress]);
        assert_eq!(queue.of_next_task(), [Fault::NoSshd]);
        assert_eq!(queue.of_next_task(), []);
    }

    #[test]
    #[should_panic(expected = "no operation is called RunTasks")]
    fn an_unknown_operation_is_a_mistake() {
        FaultQueue::default().push(Fault::Throttle { op: "RunTasks", times: 1 });
    }
}
