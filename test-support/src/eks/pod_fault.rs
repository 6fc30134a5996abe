//! What goes wrong with the next pod.

use std::time::Duration;

use super::PodEnd;

/// Trouble of the next pod that is created. Of several, the next pod takes one of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of every fault are said in the fault's own words")]
pub enum PodFault {
    /// Never scheduled; the condition and an event `FailedScheduling` give this message.
    Unschedulable { message: String },
    /// A warning `FailedScheduling` with this message, and then it is scheduled all the same, so
    /// much later.
    LateScheduling { message: String, after: Duration },
    /// The image cannot be pulled: `ErrImagePull` with this message, then `ImagePullBackOff`, and
    /// so on.
    CannotPull { message: String },
    /// As [`CannotPull`](Self::CannotPull), but the message is in an event alone, as in clusters
    /// before Kubernetes 1.32: the state never says more than `Back-off pulling image`.
    CannotPullQuietly { message: String },
    /// `CreateContainerConfigError` with this message.
    CannotConfigure { message: String },
    /// Stays in `ContainerCreating`.
    StaysCreating,
    /// Ends in this way while its container is being created.
    EndsWhileCreating(PodEnd),
    /// Runs, but shows no address.
    NoAddress,
    /// Runs, but nothing listens there.
    NoSshd,
    /// Accepts connections and says nothing.
    SilentSshd,
    /// Does not know the key it was given.
    WrongKey,
}

impl PodFault {
    /// No Fargate profile takes the pod, and there are no other nodes.
    #[must_use]
    pub fn no_matching_profile() -> Self {
        Self::Unschedulable {
            message: "0/3 nodes are available: 3 node(s) had untolerated taint \
                      {eks.amazonaws.com/compute-type: fargate}. no matching profile found for \
                      the pod. preemption: 0/3 nodes are available: 3 Preemption is not helpful \
                      for scheduling."
                .to_owned(),
        }
    }

    /// Fargate has no capacity.
    #[must_use]
    pub fn no_capacity() -> Self {
        Self::Unschedulable {
            message: "Fargate capacity is unavailable at this time. Please try again later or in \
                      a different availability zone"
                .to_owned(),
        }
    }

    /// Fargate gave up for now, and says it will try again.
    #[must_use]
    pub fn provisioning_timed_out(after: Duration) -> Self {
        Self::LateScheduling {
            message: "Pod provisioning timed out (will retry) for pod".to_owned(),
            after,
        }
    }

    /// The registry does not know the image.
    #[must_use]
    pub fn cannot_pull() -> Self {
        let image = "registry.example.com/ci:latest";
        Self::CannotPull {
            message: format!(
                "failed to pull and unpack image \"{image}\": failed to resolve reference \
                 \"{image}\": {image}: not found"
            ),
        }
    }

    /// A secret the pod refers to is not there.
    #[must_use]
    pub fn cannot_configure() -> Self {
        Self::CannotConfigure { message: "secret \"registry-token\" not found".to_owned() }
    }
}

/// The faults of pods to come.
#[derive(Debug, Default)]
pub(super) struct PodFaultQueue(Vec<PodFault>);

impl PodFaultQueue {
    pub(super) fn push(&mut self, fault: PodFault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults of the next pod: the oldest of each kind.
    pub(super) fn of_next_pod(&mut self) -> Vec<PodFault> {
        let mut taken: Vec<PodFault> = Vec::new();
        self.0.retain(|fault| {
            let kind = std::mem::discriminant(fault);
            let wanted = !taken.iter().any(|have| std::mem::discriminant(have) == kind);
            if wanted {
                taken.push(fault.clone());
            }
            !wanted
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pod_takes_one_fault_of_a_kind() {
        let mut queue = PodFaultQueue::default();
        for fault in [PodFault::NoSshd, PodFault::NoSshd, PodFault::NoAddress] {
            queue.push(fault);
        }
        assert_eq!(queue.of_next_pod(), [PodFault::NoSshd, PodFault::NoAddress]);
        assert_eq!(queue.of_next_pod(), [PodFault::NoSshd]);
        assert_eq!(queue.of_next_pod(), []);
    }
}
