//! One call, as it was understood.

use serde_json::Value;

pub(super) use crate::json::{list, text, texts};

/// The services behind the one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Ecs,
    Ec2,
    Sts,
    /// CloudWatch Logs.
    Logs,
}

impl Service {
    /// What a service that speaks JSON puts before the operation in `X-Amz-Target`.
    pub(super) fn target(self) -> Option<&'static str> {
        match self {
            Self::Ecs => Some("AmazonEC2ContainerServiceV20141113."),
            Self::Logs => Some("Logs_20140328."),
            Self::Ec2 | Self::Sts => None,
        }
    }

    /// The name in signatures and IAM actions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Logs => "logs",
        }
    }
}

/// What the double can do.
pub(super) const OPERATIONS: [(Service, &str); 18] = [
    (Service::Ecs, "RunTask"),
    (Service::Ecs, "DescribeTasks"),
    (Service::Ecs, "StopTask"),
    (Service::Ecs, "ListTasks"),
    (Service::Ecs, "TagResource"),
    (Service::Ecs, "ListTagsForResource"),
    (Service::Ecs, "RegisterTaskDefinition"),
    (Service::Ecs, "DescribeTaskDefinition"),
    (Service::Ecs, "DeregisterTaskDefinition"),
    (Service::Ecs, "DeleteTaskDefinitions"),
    (Service::Ecs, "ListTaskDefinitions"),
    (Service::Ecs, "ListTaskDefinitionFamilies"),
    (Service::Ecs, "DescribeClusters"),
    (Service::Ecs, "ListClusters"),
    (Service::Ec2, "DescribeNetworkInterfaces"),
    (Service::Sts, "AssumeRole"),
    (Service::Sts, "GetCallerIdentity"),
    (Service::Logs, "GetLogEvents"),
];

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) service: Service,
    pub(super) op: String,
    /// The body: JSON as it came, or the fields of the form as one object of strings.
    pub(super) body: Value,
    /// The ARN of whoever signed it.
    pub(super) who: String,
}

impl Request {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        text(&self.body, name)
    }

    /// The name of the cluster it is about; "default" where none is named.
    pub(super) fn cluster(&self) -> &str {
        super::ids::last_part(self.text("cluster").unwrap_or("default"))
    }
}

/// The fields of a form as an object of strings.
pub(super) fn form(body: &[u8]) -> Value {
    form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
