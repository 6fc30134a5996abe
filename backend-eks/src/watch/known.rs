//! What a watch knows of its pod, and what it has told of it.

use std::time::Duration;

use fargate_core::{Error, News, Stopped, TaskStatus};
use k8s_openapi::api::core::v1::{Event, Pod};
use tokio::time::Instant;

use super::billed::Billed;
use super::warning;
use crate::handle::EksTask;
use crate::pending::{self, Remark, Told};
use crate::status::{Seen, observe_with};

/// So many different warnings fill a job log; the rest would say no more.
const MOST_WARNINGS: usize = 50;

pub(super) struct Known<'a> {
    task: &'a EksTask,
    told: &'a mut (dyn for<'n> FnMut(News<'n>) + Send),
    pod: Option<Pod>,
    /// The status that was told last; `None` too while trouble is the news.
    status: Option<TaskStatus>,
    /// What the cluster warned of, the latest last.
    remarks: Vec<Remark>,
    /// Those that were not told yet: what they mean is known once the pod is.
    untold: Vec<Remark>,
    billed: Billed,
    /// How long an image that cannot be pulled waits for the reason.
    patience: Duration,
    /// Since when one waits.
    unexplained: Option<Instant>,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        task: &'a EksTask,
        patience: Duration,
        told: &'a mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Self {
        Self {
            task,
            told,
            pod: None,
            status: None,
            remarks: Vec::new(),
            untold: Vec::new(),
            billed: Billed::default(),
            patience,
            unexplained: None,
        }
    }

    /// The pod is now like this. Returns its end.
    pub(super) fn see(&mut self, pod: Pod) -> Option<Stopped> {
        self.pod = Some(pod);
        self.judge()
    }

    /// Events of the pod. Returns its end, if they are its end.
    pub(super) fn hear(&mut self, events: &[Event]) -> Option<Stopped> {
        for remark in events.iter().filter_map(warning::remark) {
            let before = self.remarks.len();
            self.remarks.retain(|known| *known != remark);
            let new = self.remarks.len() == before;
            if new && before < MOST_WARNINGS {
                self.untold.push(remark.clone());
            } else if new {
                self.remarks.remove(0);
            }
            self.remarks.push(remark);
        }
        self.judge()
    }

    pub(super) fn notice(&mut self, text: &str) {
        (self.told)(News::Notice(text));
    }

    /// Time has passed. Returns the pod's end if it has waited long enough for a reason.
    pub(super) fn tire(&mut self) -> Option<Stopped> {
        if self.is_patient() { None } else { self.judge() }
    }

    fn is_patient(&self) -> bool {
        self.unexplained.is_none_or(|since| since.elapsed() < self.patience)
    }

    pub(super) fn trouble(&mut self, error: &Error) {
        self.status = None;
        (self.told)(News::Trouble(error));
    }

    pub(super) fn trouble_is_over(&mut self) {
        // What is known has not ended the watch before, and does not now.
        let _no_end = self.judge();
    }

    fn judge(&mut self) -> Option<Stopped> {
        let pod = self.pod.as_ref()?;
        for remark in self.untold.drain(..) {
            (self.told)(News::Warning(&warning::words(&remark, pod, &self.task.namespace)));
        }
        self.unexplained = pending::unexplained(pod, &self.remarks)
            .then(|| self.unexplained.unwrap_or_else(Instant::now));
        let told = Told { remarks: &self.remarks, all: !self.is_patient() };
        let status = match observe_with(pod, told) {
            Seen::Stopped(stopped) => return Some(stopped),
            seen => seen.status(self.task),
        };
        for text in self.billed.news(pod) {
            (self.told)(News::Notice(&text));
        }
        if self.status.as_ref() != Some(&status) {
            (self.told)(News::Status(&status));
            self.status = Some(status);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(reason: &str, message: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {}, "type": "Warning", "reason": reason,
            "message": message,
        }))
        .expect("an event")
    }

    fn told(work: impl FnOnce(&mut Known<'_>)) -> Vec<String> {
        let task: EksTask = serde_json::from_value(json!({
            "server": "https://one/", "namespace": "jobs", "name": "ci-k", "uid": "u",
            "ssh_user": "root", "ssh_port": 22,
        }))
        .expect("a task");
        let mut texts = Vec::new();
        let mut told = |news: News<'_>| texts.push(format!("{news:?}"));
        work(&mut Known::new(&task, Duration::ZERO, &mut told));
        texts
    }

    #[test]
    fn a_warning_that_arrives_before_the_pod_waits_for_it() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {}, "status": {"phase": "Pending"},
            "spec": {"containers": [], "schedulerName": "default-scheduler"},
        }))
        .expect("a pod");
        let texts = told(|known| {
            assert_eq!(known.hear(&[event("FailedScheduling", "no nodes")]), None);
            assert_eq!(known.see(pod), None);
        });
        assert!(texts[0].contains("no Fargate profile has taken the pod"), "{texts:?}");
        assert_eq!(texts.len(), 2, "the warning and the status: {texts:?}");
    }

    #[test]
    fn different_warnings_without_end_are_told_up_to_a_number() {
        let texts = told(|known| {
            known.see(Pod::default());
            for number in 0..4 * MOST_WARNINGS {
                known.hear(&[event("Strange", &number.to_string())]);
            }
        });
        assert_eq!(texts.len(), MOST_WARNINGS + 1, "{texts:?}");
    }
}
