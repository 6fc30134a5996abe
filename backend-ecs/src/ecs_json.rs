//! ECS as plain JSON: for what must keep fields that the SDK's types do not know.

use fargate_aws_access::Call;
use fargate_core::Result;
use serde_json::Value;

use crate::aws_json::{self, Api};
use crate::signed::{ECS, Signed};

const API: Api = Api { service: &ECS, target: "AmazonEC2ContainerServiceV20141113" };

/// Calls `operation`, such as `DescribeTaskDefinition`, once.
pub(crate) async fn ask(
    signed: &Signed,
    call: Call,
    operation: &str,
    region: &str,
    body: &Value,
) -> Result<Value> {
    aws_json::ask(signed, call, &API, operation, region, body).await
}
