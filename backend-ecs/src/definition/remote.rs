//! Task definitions in ECS: three calls, one attempt each.

use fargate_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::{Base, Derived, marks};
use crate::ecs_json::ask;
use crate::error::{DESCRIBE_DEFINITION, REGISTER, TAG};
use crate::signed::Signed;
use crate::tags;

/// ECS in one region.
#[derive(Debug)]
pub(super) struct Remote<'a> {
    pub(super) signed: &'a Signed,
    pub(super) region: &'a str,
}

impl Remote<'_> {
    /// The definition `name` as others are derived from it.
    pub(super) async fn base(&self, name: &str) -> Result<Base> {
        let body = json!({"taskDefinition": name, "include": ["TAGS"]});
        let told = |error: Error| error.with("task definition", name);
        Base::read(self.describe(&body).await.map_err(told)?)
    }

    /// The ARN of `derived`, if it is registered and can be used.
    pub(super) async fn find(&self, derived: &Derived) -> Result<Option<String>> {
        // A family alone means its latest revision that is ACTIVE.
        let body = json!({"taskDefinition": derived.family});
        let answer = match self.describe(&body).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            answer => answer.map_err(|error| error.with("family", &derived.family))?,
        };
        let found = &answer["taskDefinition"];
        if found["status"] != "ACTIVE" {
            return Ok(None);
        }
        if !derived.is(found) {
            tracing::warn!(
                family = derived.family,
                "somebody has registered another task definition under this name: it is not used"
            );
            return Ok(None);
        }
        Ok(found["taskDefinitionArn"].as_str().map(ToOwned::to_owned))
    }

    /// Registers `derived`; returns its ARN. Without the right to tag, it has no tags.
    pub(super) async fn register(&self, derived: &Derived) -> Result<String> {
        let mut answer = self.ask_to_register(&derived.input(true)).await;
        if let Err(error) = &answer
            && tags::refused(error)
        {
            let reason = error.message();
            // The marks alone are missed by `fargate gc` only, which counts what has none.
            if derived.has_tags() {
                tracing::warn!(
                    reason,
                    "the task definition is registered without tags: allow ecs:TagResource to the \
                     driver"
                );
            } else {
                tracing::debug!(reason, "the task definition is registered without marks");
            }
            answer = self.ask_to_register(&derived.input(false)).await;
        }
        let answer = answer.map_err(|error| error.with("family", &derived.family))?;
        let arn = answer["taskDefinition"]["taskDefinitionArn"].as_str();
        arn.map(ToOwned::to_owned).ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, REGISTER.op, "ECS answered without an ARN")
                .with("family", &derived.family)
        })
    }

    /// Writes on the definition `arn` that it is used today.
    pub(super) async fn mark_use(&self, arn: &str) -> Result<()> {
        let body = json!({"resourceArn": arn, "tags": [marks::used()]});
        ask(self.signed, TAG, "TagResource", self.region, &body).await.map(drop)
    }

    async fn describe(&self, body: &Value) -> Result<Value> {
        let call = DESCRIBE_DEFINITION;
        ask(self.signed, call, "DescribeTaskDefinition", self.region, body).await
    }

    async fn ask_to_register(&self, body: &Value) -> Result<Value> {
        ask(self.signed, REGISTER, "RegisterTaskDefinition", self.region, body).await
    }
}
