use serde_json::{Value, json};

use super::*;
use crate::status::tests::{own, pod};

/// The end of a pod of which nothing more will be told.
fn hopeless(pod: &Pod, remarks: &[Remark]) -> Option<Stopped> {
    super::hopeless(pod, Told { remarks, all: true })
}

fn scheduled(containers: &Value) -> Pod {
    pod(&json!({
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"}],
        "containerStatuses": containers,
    }))
}

fn refused(message: &str) -> Pod {
    pod(&json!({"phase": "Pending", "conditions": [{"type": "PodScheduled",
        "status": "False", "reason": "Unschedulable", "message": message}]}))
}

fn waiting_for(reason: &str, message: &str) -> Pod {
    scheduled(&own(&json!({"waiting": {"reason": reason, "message": message}})))
}

#[test]
fn the_way_up_is_told_in_the_words_of_the_cluster() {
    for (pod, wanted) in [
        (pod(&json!({"phase": "Pending"})), "Pending (waiting for a Fargate machine)"),
        (refused("0/2 nodes: x"), "Pending (not scheduled: 0/2 nodes: x)"),
        (scheduled(&json!([])), "Pending"),
        (waiting_for("ContainerCreating", ""), "Pending (ContainerCreating)"),
        (waiting_for("ErrImagePull", "i/o timeout"), "Pending (ErrImagePull: i/o timeout)"),
    ] {
        assert_eq!(detail(&pod), wanted);
        assert_eq!(hopeless(&pod, &[]), None, "{wanted}");
    }
}

#[test]
fn what_waiting_cannot_mend_is_an_end() {
    use StopCause as C;
    let table = [
        (
            refused("Fargate capacity is unavailable at this time. Please try again later"),
            C::Capacity,
            "availability zones",
        ),
        (
            refused("Pod not supported on Fargate: volumes not supported: x"),
            C::FailedToStart,
            "privileged",
        ),
        (
            refused("pod does not match any profile: no matching profile"),
            C::FailedToStart,
            "Fargate profile",
        ),
        (
            waiting_for("ErrImagePull", "rpc error: failed to resolve x: not found"),
            C::Image,
            "name and tag",
        ),
        (waiting_for("ImagePullBackOff", "Back-off pulling image \"x\""), C::Image, "route"),
        (
            waiting_for("ImagePullBackOff", "Back-off: 403 Forbidden: denied"),
            C::Image,
            "execution role",
        ),
        (
            waiting_for("ErrImagePull", "pull access denied, repository does not exist or may"),
            C::Image,
            "ImagePullSecrets",
        ),
        (
            waiting_for(
                "ErrImageNeverPull",
                "Container image \"i\" is not present with pull \
                         policy of Never",
            ),
            C::Image,
            "another",
        ),
        (waiting_for("InvalidImageName", "invalid reference format"), C::Image, "correct"),
        (
            waiting_for("CreateContainerConfigError", "secret \"x\" not found"),
            C::FailedToStart,
            "Secret",
        ),
        (
            waiting_for("RunContainerError", "exec: \"sshd\": not found"),
            C::FailedToStart,
            "entry point",
        ),
    ];
    for (pod, cause, word) in table {
        let stopped = hopeless(&pod, &[]).unwrap_or_else(|| panic!("{}", detail(&pod)));
        assert_eq!(stopped.cause, cause, "{}", stopped.reason);
        assert!(stopped.hint.as_deref().unwrap_or("").contains(word), "{:?}", stopped.hint);
    }
}

#[test]
fn what_may_pass_is_waited_for() {
    for pod in [
        refused("0/3 nodes are available: 3 Insufficient cpu."),
        waiting_for("ImagePullBackOff", "Back-off: toomanyrequests: limit"),
        waiting_for("ErrImagePull", "unexpected status: 503 Service Unavailable"),
        waiting_for("ErrImagePull", "something new"),
        waiting_for("PodInitializing", ""),
    ] {
        assert_eq!(hopeless(&pod, &[]), None, "{}", detail(&pod));
        assert!(!unexplained(&pod, &[]), "{}", detail(&pod));
    }
}

fn remark(reason: &str, message: &str) -> Remark {
    Remark { reason: reason.to_owned(), message: message.to_owned() }
}

#[test]
fn a_reason_that_is_in_an_event_alone_decides_too() {
    let pod = waiting_for("ImagePullBackOff", "Back-off pulling image \"i\"");
    let said = |answer: &str| {
        [
            remark("Failed", &format!("Failed to pull image \"i\": {answer}")),
            remark("Failed", "Failed to pull image \"other\": unauthorized"),
        ]
    };
    assert!(unexplained(&pod, &[]));
    assert_eq!(super::hopeless(&pod, Told::NOTHING), None);
    assert!(hopeless(&pod, &[]).is_some());
    let known = said("manifest unknown");
    assert!(!unexplained(&pod, &known));
    let stopped = hopeless(&pod, &known).expect("an end");
    assert!(stopped.reason.contains("manifest unknown"), "{}", stopped.reason);
    assert_eq!(hopeless(&pod, &said("i/o timeout")), None);

    // What the state says itself is newer.
    let pod = waiting_for("ErrImagePull", "503 Service Unavailable");
    assert!(!unexplained(&pod, &[]));
    assert_eq!(hopeless(&pod, &known), None);
}

#[test]
fn a_pod_that_fargate_has_left_out_is_an_end_unless_other_nodes_are_meant() {
    let left_out = |selector: Value, scheduler: &str| {
        let mut pod = refused("0/3 nodes are available: 3 Insufficient cpu.");
        pod.spec = serde_json::from_value(json!({
            "containers": [], "schedulerName": scheduler, "nodeSelector": selector,
        }))
        .expect("a spec");
        hopeless(&pod, &[])
    };
    let stopped = left_out(json!({}), "default-scheduler").expect("an end");
    assert!(stopped.reason.contains("no Fargate profile"), "{}", stopped.reason);
    assert_eq!(left_out(json!({"pool": "ci"}), "default-scheduler"), None);
    assert_eq!(left_out(json!({}), "fargate-scheduler"), None);
    assert_eq!(left_out(json!({}), "another"), None);
}

#[test]
fn a_schedulers_word_in_an_event_counts_until_the_pod_has_a_place() {
    let words = [remark("FailedScheduling", "Fargate capacity is unavailable at this time")];
    let fresh = pod(&json!({"phase": "Pending"}));
    let stopped = hopeless(&fresh, &words).expect("an end");
    assert_eq!(stopped.cause, StopCause::Capacity);
    assert_eq!(hopeless(&scheduled(&json!([])), &words), None);
    let late = [remark("FailedScheduling", "Pod provisioning timed out (will retry)")];
    assert_eq!(hopeless(&fresh, &late), None);
}

#[test]
fn an_init_container_that_cannot_start_is_an_end_too() {
    let status = json!({
        "phase": "Pending",
        "initContainerStatuses": [{
            "name": "tools", "image": "t", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "InvalidImageName", "message": "x"}},
        }],
        "containerStatuses": own(&json!({"waiting": {"reason": "PodInitializing"}})),
    });
    let stopped = hopeless(&pod(&status), &[]).expect("an end");
    assert!(stopped.reason.contains("tools"), "{}", stopped.reason);
}

#[test]
fn an_images_own_name_is_no_answer_of_its_registry() {
    let mut containers = own(&json!({"waiting": {
        "reason": "ErrImagePull", "message": "registry/geofence:1: not found"}}));
    containers[0]["image"] = "registry/geofence:1".into();
    let stopped = hopeless(&scheduled(&containers), &[]).expect("an end");
    assert!(stopped.hint.as_deref().unwrap_or("").contains("name and tag"), "{stopped:?}");
}
