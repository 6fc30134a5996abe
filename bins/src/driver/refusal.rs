use fargate_core::Error;

/// Why a job is not started, by who can change it.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The job's author asked for what is not allowed or cannot be: trying again cannot help.
    Author(Error),
    /// Everything else.
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Author(error) | Refusal::Other(error) => error,
        }
    }
}
