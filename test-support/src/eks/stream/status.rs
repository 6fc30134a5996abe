//! How a command ended, as the status channel says it.

use serde_json::{Value, json};

use super::exec::Protocol;

/// It ended by itself, or by a signal.
pub(super) fn ended(protocol: Protocol, command: &[String], code: i32) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    // The kubelet's words, or what the API server makes of them (client-go's errorDecoderV4).
    let why = match protocol {
        Protocol::V4 => {
            format!("error executing command [{}], exit code {code}", command.join(" "))
        }
        Protocol::V5 => format!("command terminated with exit code {code}"),
    };
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: {why}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}

/// It was not started, or its end cannot be told.
pub(super) fn failed(protocol: Protocol, why: &str) -> Value {
    let why = format!("error executing command in container: failed to exec in container: {why}");
    match protocol {
        Protocol::V4 => internal(&why),
        // The API server wraps the whole status of the kubelet again.
        Protocol::V5 => internal(&format!("Internal error occurred: {why}")),
    }
}

/// The kubelet did not even try.
pub(super) fn refused(why: &str) -> Value {
    internal(&format!("unable to upgrade connection: {why}"))
}

fn internal(why: &str) -> Value {
    json!({
        "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": format!("Internal error occurred: {why}"),
        "details": {"causes": [{"message": why}]},
    })
}
