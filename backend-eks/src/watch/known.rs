//! What a watch knows of its pod, and what it has told of it.

use fargate_core::{Error, News, Stopped, TaskStatus};
use k8s_openapi::api::core::v1::{Event, Pod};

use super::billed::Billed;
use super::warning;
use crate::handle::EksTask;
use crate::pending::{self, Remark};
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
    billed: Billed,
    /// Whether no more events will come.
    deaf: bool,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        task: &'a EksTask,
        told: &'a mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Self {
        Self {
            task,
            told,
            pod: None,
            status: None,
            remarks: Vec::new(),
            billed: Billed::default(),
            deaf: false,
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
            if new && before == MOST_WARNINGS {
                continue;
            }
            if new {
                let text = warning::words(&remark, self.pod.as_ref(), &self.task.namespace);
                (self.told)(News::Warning(&text));
            }
            self.remarks.push(remark);
        }
        self.judge()
    }

    pub(super) fn notice(&mut self, text: &str) {
        (self.told)(News::Notice(text));
    }

    /// No event will ever come.
    pub(super) fn hears_nothing(&mut self) {
        self.deaf = true;
    }

    /// Whether nothing that is still to come would say more about what this pod waits for.
    pub(super) fn explains(&self, pod: &Pod) -> bool {
        self.deaf || !pending::unexplained(pod, &self.remarks)
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
        let status = match observe_with(pod, &self.remarks) {
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
