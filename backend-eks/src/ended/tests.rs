use serde_json::{Value, json};

use super::*;
use crate::status::tests::{own, pod};

fn with_container(reason: &str, code: i32) -> Value {
    let state = json!({"terminated": {"exitCode": code, "reason": reason}});
    json!({"phase": "Failed", "containerStatuses": own(&state)})
}

fn with_reason(reason: &str, message: &str) -> Value {
    let mut status = with_container("Error", 137);
    status["reason"] = reason.into();
    status["message"] = message.into();
    status
}

#[test]
fn every_end_has_a_cause_and_a_remedy() {
    use StopCause as C;
    let disrupted = json!({"phase": "Failed", "conditions": [{"type": "DisruptionTarget",
        "status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API"}]});
    let table = [
        (with_container("OOMKilled", 137), C::OutOfMemory, "OOMKilled", "Memory"),
        (with_container("Error", 3), C::Exited, "exited with code 3", "sshd"),
        (with_container("Completed", 0), C::Exited, "exited with code 0", "sshd"),
        (with_container("StartError", 128), C::FailedToStart, "StartError", "entry point"),
        (with_container("ContainerStatusUnknown", 137), C::Interrupted, "137", "retry"),
        (
            with_reason("Evicted", "The node was low on resource: memory."),
            C::OutOfMemory,
            "low on resource",
            "Memory",
        ),
        (with_reason("Evicted", "something else"), C::Interrupted, "Evicted", "retry"),
        (
            with_reason(
                "Evicted",
                "Pod ephemeral local storage usage exceeds the total limit of containers 20Gi.",
            ),
            C::Exited,
            "storage",
            "EphemeralStorage",
        ),
        (
            with_reason("Terminated", "Pod was terminated in response to imminent node shutdown."),
            C::Interrupted,
            "node shutdown",
            "retry",
        ),
        (with_reason("NodeShutdown", "x"), C::Interrupted, "NodeShutdown", "retry"),
        (
            with_reason("DeadlineExceeded", "Pod was active on the node longer than allowed"),
            C::Exited,
            "longer than",
            "timeout",
        ),
        (with_reason("OutOfcpu", "Node didn't have enough"), C::Capacity, "OutOfcpu", "CPU"),
        (disrupted, C::Interrupted, "EvictionByEvictionAPI", "retry"),
    ];
    for (status, cause, words, remedy) in table {
        let stop = stopped(&pod(&status));
        assert_eq!(stop.cause, cause, "{status}");
        assert!(stop.reason.contains(words), "{}", stop.reason);
        assert!(stop.hint.as_deref().unwrap_or("").contains(remedy), "{:?}", stop.hint);
    }
    assert_eq!(stopped(&pod(&json!({"phase": "Failed"}))).cause, C::Unknown);
}

#[test]
fn a_deletion_under_way_is_on_request_unless_the_cluster_says_otherwise() {
    let ended_by = |status: &Value| {
        let mut pod = pod(status);
        pod.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-02T03:04:05Z")).expect("a time");
        stopped(&pod)
    };
    let running = json!({"phase": "Running", "containerStatuses": own(&json!({"running": {}}))});
    let stop = ended_by(&running);
    assert_eq!((stop.cause, stop.reason.as_str()), (StopCause::Requested, "the pod was deleted"));
    let mut evicted = running;
    evicted["conditions"] = json!([{"type": "DisruptionTarget", "status": "True",
        "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}]);
    assert_eq!(ended_by(&evicted).cause, StopCause::Interrupted);
    assert_eq!(ended_by(&with_container("Error", 143)).cause, StopCause::Exited);
    for (finished, cause) in [
        ("2026-01-02T03:04:04Z", StopCause::Exited),
        ("2026-01-02T03:04:05Z", StopCause::Requested),
    ] {
        let state = json!({"terminated": {"exitCode": 0, "finishedAt": finished}});
        let status = json!({"phase": "Succeeded", "containerStatuses": own(&state)});
        assert_eq!(ended_by(&status).cause, cause, "{finished}");
    }
}

/// The status of the container of that name, which has ended.
fn over(name: &str, state: &Value) -> Value {
    let mut one = own(&json!({ "terminated": state }))[0].take();
    one["name"] = name.into();
    one
}

#[test]
fn what_has_failed_beside_a_job_does_not_explain_its_deletion() {
    let mut containers = own(&json!({"running": {}}));
    let failed = over("db", &json!({"exitCode": 137, "reason": "OOMKilled"}));
    containers.as_array_mut().expect("a list").push(failed);
    let mut deleted = pod(&json!({"phase": "Running", "containerStatuses": containers}));
    deleted.metadata.deletion_timestamp =
        serde_json::from_value(json!("2026-01-02T03:04:05Z")).expect("a time");
    let stop = stopped(&deleted);
    assert_eq!((stop.cause, stop.reason.as_str()), (StopCause::Requested, "the pod was deleted"));
    let fact = "db exited with code 137: OOMKilled".to_owned();
    assert!(stop.facts.contains(&("container", fact)), "{:?}", stop.facts);
}

#[test]
fn with_the_agent_the_hint_is_about_what_has_ended() {
    let hint = |bringer: i32, containers: Value| {
        let inits = json!([over(AgentSetup::BRINGER, &json!({ "exitCode": bringer }))]);
        let status = json!({"phase": "Failed", "initContainerStatuses": inits,
            "containerStatuses": containers});
        let stop = stopped(&pod(&status));
        (stop.reason, stop.hint.unwrap_or_default())
    };
    let waiting = own(&json!({"waiting": {"reason": "PodInitializing"}}));
    let (reason, advice) = hint(1, waiting);
    assert_eq!(reason, "fargate-agent exited with code 1");
    assert!(advice.contains("AgentImage"), "{advice}");
    let (reason, advice) = hint(0, own(&json!({"terminated": {"exitCode": 0}})));
    assert_eq!(reason, "ci-coordinator exited with code 0");
    assert!(advice.contains("exec \"$@\""), "{advice}");
}

#[test]
fn a_signal_is_told_as_one() {
    let state = json!({"terminated": {"exitCode": 137, "signal": 9}});
    let stop = stopped(&pod(&json!({"phase": "Failed", "containerStatuses": own(&state)})));
    assert_eq!(stop.reason, "ci-coordinator was ended by signal 9");
    assert!(stop.facts.contains(&("container", stop.reason.clone())));
}

#[test]
fn an_exit_where_the_agent_was_brought_along_is_told_in_its_terms() {
    let bringer = json!([{"name": AgentSetup::BRINGER, "image": "i", "imageID": "",
        "ready": true, "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}]);
    for (code, word) in [(5, "without a shell"), (1, "exec \"$@\"")] {
        let mut status = with_container("Error", code);
        status["initContainerStatuses"] = bringer.clone();
        let hint = stopped(&pod(&status)).hint.expect("a hint");
        assert!(hint.contains(word), "{hint}");
    }
    let hint = stopped(&pod(&with_container("Error", 5))).hint.expect("a hint");
    assert!(hint.contains("sshd"), "{hint}");
}

#[test]
fn a_helper_that_is_over_ends_the_pod_and_a_service_does_not() {
    let container = |name: &str, state: Value| {
        json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": state})
    };
    let with = |name: &str| {
        let mut status =
            json!({"phase": "Running", "containerStatuses": own(&json!({"running": {}}))});
        let ended = json!({"terminated": {"exitCode": 5}});
        status["containerStatuses"].as_array_mut().unwrap().push(container(name, ended));
        status["initContainerStatuses"] =
            json!([container(AgentSetup::BRINGER, json!({"terminated": {"exitCode": 0}}))]);
        pod(&status)
    };
    assert!(!crate::status::is_over(&with("db")));
    let helper = with(AgentSetup::HELPER);
    assert!(crate::status::is_over(&helper));
    let stop = stopped(&helper);
    assert!(stop.reason.contains("fargate-helper exited with code 5"), "{}", stop.reason);
    assert!(stop.hint.is_some_and(|hint| hint.contains("without a shell")));
}
