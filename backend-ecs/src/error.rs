//! The calls to ECS, EC2 and CloudWatch Logs, and what their failures leave open.

use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::SdkError;
use fargate_aws_access::{Call, Service};
use fargate_core::{Error, ErrorKind};

use crate::advice::own_advice;
use crate::class::own_kind;

/// What these services say in words of their own.
const AWS: Service = Service { kind: own_kind, advice: own_advice };

pub(crate) const RUN_TASK: Call = call("start task", "ecs:RunTask", true);
pub(crate) const DESCRIBE: Call = call("describe task", "ecs:DescribeTasks", false);
pub(crate) const STOP: Call = call("stop task", "ecs:StopTask", false);
pub(crate) const LIST: Call = call("list tasks", "ecs:ListTasks", false);
pub(crate) const TAG: Call = call("tag task definition", "ecs:TagResource", false);
pub(crate) const LIST_FAMILIES: Call =
    call("list task definitions", "ecs:ListTaskDefinitionFamilies", false);
pub(crate) const LIST_DEFINITIONS: Call =
    call("list task definitions", "ecs:ListTaskDefinitions", false);
pub(crate) const DEREGISTER: Call =
    call("deregister task definition", "ecs:DeregisterTaskDefinition", false);
pub(crate) const DELETE: Call = call("delete task definitions", "ecs:DeleteTaskDefinitions", false);
pub(crate) const DESCRIBE_DEFINITION: Call =
    call("look up task definition", "ecs:DescribeTaskDefinition", false);
/// What starts with it is a new revision, which costs nothing, and not a task.
pub(crate) const REGISTER: Call =
    call("register task definition", "ecs:RegisterTaskDefinition", false);
pub(crate) const READ_LOG: Call = call("read a container's log", "logs:GetLogEvents", false);
pub(crate) const LOOK_UP: Call =
    call("look up public address", "ec2:DescribeNetworkInterfaces", false);

const fn call(op: &'static str, action: &'static str, starts: bool) -> Call {
    Call { op, action, starts, service: &AWS }
}

/// Whether a RunTask that came to `error`, told as `told`, may have started a task.
pub(crate) fn outcome_unknown<E>(error: &SdkError<E, HttpResponse>, told: &Error) -> bool {
    match told.kind() {
        ErrorKind::ConnectionLost => true,
        // The service failed on the way; without credentials nothing was sent.
        ErrorKind::Unavailable => matches!(error, SdkError::ServiceError(_)),
        _ => false,
    }
}

/// The end of a launch that may have started a task; `last` is what it came to in the end.
pub(crate) fn unknown(last: Error) -> Error {
    let action = RUN_TASK.action;
    let said =
        format!("it is unknown whether a task was started: an answer to {action} is missing");
    fargate_aws_access::unknown(last, &said)
}
