use std::fmt;

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code.
    Code(u32),
    /// A signal ended it; the name is without "SIG", as in RFC 4254 section 6.10.
    Signal(String),
}

impl ExitStatus {
    /// Exit code zero, and nothing else.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }

    /// The code a POSIX shell would report: the exit code, or 128 plus the signal's number.
    ///
    /// A signal whose number is not known is 128.
    #[must_use]
    pub fn shell_code(&self) -> u32 {
        match self {
            Self::Code(code) => *code,
            Self::Signal(name) => 128 + signal_number(name),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

/// Linux numbers (signal(7)) of the names RFC 4254 lists, and the few more that end processes.
fn signal_number(name: &str) -> u32 {
    match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "TRAP" => 5,
        "ABRT" => 6,
        "BUS" => 7,
        "FPE" => 8,
        "KILL" => 9,
        "USR1" => 10,
        "SEGV" => 11,
        "USR2" => 12,
        "PIPE" => 13,
        "ALRM" => 14,
        "TERM" => 15,
        "XCPU" => 24,
        "XFSZ" => 25,
        "SYS" => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_count_as_a_shell_counts_them() {
        assert_eq!(ExitStatus::Signal("KILL".into()).shell_code(), 137);
        assert_eq!(ExitStatus::Signal("TERM".into()).shell_code(), 143);
        assert_eq!(ExitStatus::Signal("NEW".into()).shell_code(), 128);
        assert!(!ExitStatus::Signal("TERM".into()).is_success());
        assert!(ExitStatus::Code(0).is_success());
    }
}
