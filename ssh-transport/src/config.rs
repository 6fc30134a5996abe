use std::time::Duration;

/// How [`SshExec`](crate::SshExec) connects and how long it waits.
///
/// ```
/// use std::time::Duration;
/// let mut config = fargate_ssh_transport::SshConfig::default();
/// config.connect_timeout = Duration::from_secs(5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SshConfig {
    /// Bounds one attempt: name lookup, TCP, key exchange and authentication together, and for a
    /// probe its command as well. 10 s.
    pub connect_timeout: Duration,
    /// How long `exec` goes on trying to connect while each attempt ends in `ConnectFailed` or
    /// `Timeout`, with growing, jittered pauses. `sshd` drops connections in a burst
    /// (`MaxStartups`), and a task may be slow to listen or too busy to answer. 30 s.
    ///
    /// It bounds the start of the last attempt, which may then take `connect_timeout`. There are
    /// at least two attempts, however long the first one took; zero means a single one.
    pub connect_retry: Duration,
    /// After this much silence from the server it is asked for a sign of life. 15 s.
    pub keepalive_interval: Duration,
    /// This many unanswered questions in a row are forgiven. 3.
    ///
    /// The connection is given up when the next one would be due: after `keepalive_interval` times
    /// one more than this, by default 60 s.
    pub keepalive_max_missed: usize,
    /// How long to wait for more output once the exit status is known while a left-behind process
    /// holds the streams open. Time spent in the sink does not count. 500 ms.
    pub drain: Duration,
}

impl Default for SshConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            connect_retry: Duration::from_secs(30),
            keepalive_interval: Duration::from_secs(15),
            keepalive_max_missed: 3,
            drain: Duration::from_millis(500),
        }
    }
}

impl SshConfig {
    /// How long a server may be silent before it counts as gone.
    pub(crate) fn silence_limit(&self) -> Duration {
        let periods = u32::try_from(self.keepalive_max_missed).unwrap_or(u32::MAX);
        self.keepalive_interval.saturating_mul(periods.saturating_add(1))
    }
}
