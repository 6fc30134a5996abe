//! Token buckets, as AWS limits calls with them.

use std::time::Instant;

/// One bucket: calls that take from it, its size and how fast it fills.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// The operations that take a token each, such as `RunTask`.
    pub operations: Vec<&'static str>,
    /// How many calls go through at once when it is full.
    pub burst: f64,
    /// Tokens per second.
    pub per_second: f64,
}

/// The buckets of one account. A call needs a token from every bucket that names it.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimits {
    /// The buckets.
    pub buckets: Vec<Bucket>,
}

impl RateLimits {
    /// The published limits: ECS API throttling and the launch rate of Fargate.
    #[must_use]
    pub fn aws() -> Self {
        let bucket = |operations: &[&'static str], burst: f64, per_second: f64| Bucket {
            operations: operations.to_vec(),
            burst,
            per_second,
        };
        Self {
            buckets: vec![
                bucket(&["RunTask", "StopTask"], 100.0, 40.0),
                bucket(&["RunTask"], 100.0, 20.0),
                bucket(&["DescribeTasks", "ListTasks"], 100.0, 20.0),
                bucket(&["RegisterTaskDefinition", "DeregisterTaskDefinition"], 20.0, 1.0),
                bucket(&["DescribeTaskDefinition"], 50.0, 20.0),
                bucket(&["ListTaskDefinitions", "ListTaskDefinitionFamilies"], 50.0, 20.0),
                bucket(&["DeleteTaskDefinitions"], 5.0, 1.0),
                bucket(&["DescribeClusters", "ListClusters"], 50.0, 20.0),
                bucket(&["TagResource", "ListTagsForResource"], 20.0, 10.0),
            ],
        }
    }

    /// One bucket for one operation.
    #[must_use]
    pub fn only(operation: &'static str, burst: f64, per_second: f64) -> Self {
        Self { buckets: vec![Bucket { operations: vec![operation], burst, per_second }] }
    }
}

/// The fill levels of some buckets.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    bucket: Bucket,
    tokens: f64,
    at: Instant,
}

impl Limiter {
    pub(super) fn new(limits: Option<&RateLimits>, now: Instant) -> Self {
        let buckets = limits.map(|limits| limits.buckets.clone()).unwrap_or_default();
        let levels = buckets
            .into_iter()
            .map(|bucket| Level { tokens: bucket.burst, bucket, at: now })
            .collect();
        Self { levels }
    }

    /// Takes a token from every bucket of `operation`, or none at all.
    pub(super) fn allows(&mut self, operation: &str, now: Instant) -> bool {
        let mine = |level: &&mut Level| level.bucket.operations.contains(&operation);
        for level in self.levels.iter_mut().filter(mine) {
            let passed = now.saturating_duration_since(level.at).as_secs_f64();
            level.tokens = level.bucket.burst.min(level.tokens + passed * level.bucket.per_second);
            level.at = now;
        }
        let enough = self.levels.iter_mut().filter(mine).all(|level| level.tokens >= 1.0);
        if enough {
            for level in self.levels.iter_mut().filter(mine) {
                level.tokens -= 1.0;
            }
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn passed(limiter: &mut Limiter, operation: &str, calls: usize, now: Instant) -> usize {
        (0..calls).filter(|_| limiter.allows(operation, now)).count()
    }

    #[test]
    fn a_burst_passes_and_the_refill_is_steady() {
        let start = Instant::now();
        let mut limiter = Limiter::new(Some(&RateLimits::only("RunTask", 10.0, 4.0)), start);
        assert_eq!(passed(&mut limiter, "RunTask", 50, start), 10);
        assert_eq!(passed(&mut limiter, "RunTask", 50, start + Duration::from_millis(500)), 2);
        assert_eq!(passed(&mut limiter, "RunTask", 50, start + Duration::from_secs(3600)), 10);
    }

    #[test]
    fn another_operation_has_its_own_tokens() {
        let start = Instant::now();
        let mut limiter = Limiter::new(Some(&RateLimits::only("RunTask", 1.0, 1.0)), start);
        assert_eq!(passed(&mut limiter, "RunTask", 5, start), 1);
        assert_eq!(passed(&mut limiter, "StopTask", 5, start), 5);
    }

    #[test]
    fn a_refused_call_takes_nothing_from_a_shared_bucket() {
        let start = Instant::now();
        let mut limiter = Limiter::new(Some(&RateLimits::aws()), start);
        assert_eq!(passed(&mut limiter, "RunTask", 150, start), 100);
        // One second on: 20 launches of the 40 tokens both operations share.
        let later = start + Duration::from_secs(1);
        assert_eq!(passed(&mut limiter, "RunTask", 150, later), 20);
        assert_eq!(passed(&mut limiter, "StopTask", 150, later), 20);
    }
}
