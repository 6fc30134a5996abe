//! What the status channel says of a command.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

/// How a command ended, or that it never began.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Exited(u32),
    /// The container has no such program.
    NoProgram(String),
    /// The command was not handed to the pod: trouble between API server and kubelet.
    NotHandedOver(String),
    /// Anything else the cluster says instead of an exit code.
    Failed(String),
}

/// Reads the status channel's one message.
///
/// Source: `remotecommandconsts` and `NonZeroExitCodeReason` of `k8s.io/apimachinery`.
pub(super) fn read(message: &[u8]) -> Outcome {
    let status: Status = match serde_json::from_slice(message) {
        Ok(status) => status,
        Err(error) => return Outcome::Failed(format!("its status makes no sense: {error}")),
    };
    if status.status.as_deref() == Some("Success") {
        return Outcome::Exited(0);
    }
    let said = status.message.unwrap_or_default();
    if status.reason.as_deref() == Some("NonZeroExitCode") {
        let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
        let code = causes
            .iter()
            .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
            .and_then(|cause| cause.message.as_deref()?.parse().ok());
        return code.map_or(Outcome::Failed(said), Outcome::Exited);
    }
    let text = said.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    // runc's words for a program that is not there. It also misses files of a container that is on
    // its way up or out.
    if says("executable file not found") || (says("\"sh\"") && says("no such file")) {
        return Outcome::NoProgram(said);
    }
    // The API server has agreed to the WebSocket before it asks the kubelet: `streamtranslator.go`
    // of `k8s.io/apiserver`.
    if says("error dialing backend") || says("unable to upgrade connection") {
        return Outcome::NotHandedOver(said);
    }
    Outcome::Failed(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(status: &serde_json::Value) -> Outcome {
        read(status.to_string().as_bytes())
    }

    #[test]
    fn only_a_status_that_says_so_is_an_exit() {
        assert_eq!(outcome(&json!({"status": "Success"})), Outcome::Exited(0));
        let failure = |message: &str| {
            json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "x",
                "details": {"causes": [{"reason": "ExitCode", "message": message}]}})
        };
        assert_eq!(outcome(&failure("42")), Outcome::Exited(42));
        assert_eq!(outcome(&failure("many")), Outcome::Failed("x".to_owned()));
        for nothing in [json!({}), json!({"status": "Failure"})] {
            assert_eq!(outcome(&nothing), Outcome::Failed(String::new()), "{nothing}");
        }
        assert!(matches!(read(b""), Outcome::Failed(_)));
    }

    #[test]
    fn a_missing_shell_is_told_from_other_trouble() {
        let said = |message: &str| {
            outcome(&json!({"status": "Failure", "reason": "InternalError", "message": message}))
        };
        let missing = "error executing command in container: failed to exec in container: OCI \
                       runtime exec failed: exec failed: unable to start container process: exec: \
                       \"sh\": executable file not found in $PATH: unknown";
        assert_eq!(said(missing), Outcome::NoProgram(missing.to_owned()));
        for ended in [
            "error executing command in container: container is not running",
            "failed to exec: open /proc/7/ns/ipc: no such file or directory: unknown",
        ] {
            assert_eq!(said(ended), Outcome::Failed(ended.to_owned()));
        }
        let dialing = "Internal error occurred: error dialing backend: dial tcp: i/o timeout";
        assert_eq!(said(dialing), Outcome::NotHandedOver(dialing.to_owned()));
    }
}
