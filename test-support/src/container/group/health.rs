//! Health checks.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::container::Container;
use crate::json::texts;

/// `healthCheck` of a container definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    words: Vec<String>,
    interval: Duration,
    timeout: Duration,
    retries: u64,
    start_period: Duration,
}

/// What the checks of a container have found so far.
#[derive(Debug)]
pub(super) struct Health {
    status: &'static str,
    since: Instant,
    next: Instant,
    running: Option<(Child, Instant)>,
    failures: u64,
}

const HEALTHY: &str = "HEALTHY";

impl HealthCheck {
    /// `None` if there is none. The defaults are those of the API reference (`HealthCheck`).
    pub(crate) fn read(container: &Value) -> Option<Self> {
        let check = &container["healthCheck"];
        let command = texts(check, "command");
        let words = match command.split_first() {
            Some((kind, words)) if kind == "CMD" => words.to_vec(),
            Some((kind, words)) if kind == "CMD-SHELL" => {
                [vec!["/bin/sh".to_owned(), "-c".to_owned()], words.to_vec()].concat()
            }
            _ => return None,
        };
        let number = |name: &str, default: u64| check[name].as_u64().unwrap_or(default);
        let seconds = |name: &str, default| Duration::from_secs(number(name, default));
        Some(Self {
            words,
            interval: seconds("interval", 30),
            timeout: seconds("timeout", 5),
            retries: number("retries", 3),
            start_period: seconds("startPeriod", 0),
        })
    }
}

impl Health {
    /// Nothing is known of a container that starts now; as in Docker the first check is one
    /// interval away.
    pub(super) fn new(check: Option<&HealthCheck>) -> Self {
        let since = Instant::now();
        let next = since + check.map(|check| check.interval).unwrap_or_default();
        Self { status: "UNKNOWN", since, next, running: None, failures: 0 }
    }

    /// `healthStatus`.
    pub(super) fn status(&self) -> &'static str {
        self.status
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.status == HEALTHY
    }

    /// Checks when it is time to, and takes note of what came out.
    pub(super) fn look(&mut self, check: &HealthCheck, container: &Container) {
        let now = Instant::now();
        let Some((child, deadline)) = &mut self.running else {
            if now >= self.next {
                match container.exec(&check.words) {
                    Ok(child) => self.running = Some((child, now + check.timeout)),
                    Err(_) => self.note(check, false),
                }
            }
            return;
        };
        let ended = match child.try_wait() {
            Ok(None) if now < *deadline => return,
            Ok(None) => {
                let _killed = child.kill();
                let _status = child.wait();
                None
            }
            Ok(status) => status,
            Err(_) => None,
        };
        self.running = None;
        self.note(check, ended.is_some_and(|status| status.success()));
    }

    fn note(&mut self, check: &HealthCheck, good: bool) {
        let now = Instant::now();
        self.next = now + check.interval;
        if good {
            self.failures = 0;
            self.status = HEALTHY;
        } else if self.is_healthy() || now >= self.since + check.start_period {
            self.failures += 1;
            if self.failures >= check.retries {
                self.status = "UNHEALTHY";
            }
        }
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.running {
            let _killed = child.kill();
            let _status = child.wait();
        }
    }
}
