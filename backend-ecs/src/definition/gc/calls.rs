//! The calls, paced, and made again while ECS is in trouble.

use fargate_aws_access::Call;
use fargate_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::super::patience::Patience;
use super::gate::Gate;
use super::model::CollectPace;
use crate::config::EcsConfig;
use crate::deadline::after;
use crate::ecs_json::ask;
use crate::error::{
    DELETE, DEREGISTER, DESCRIBE_DEFINITION, LIST, LIST_DEFINITIONS, LIST_FAMILIES,
};
use crate::signed::Signed;

/// What DeleteTaskDefinitions takes at once, by the API reference.
pub(super) const MOST_DELETED: usize = 10;

/// ECS in one region.
#[derive(Debug)]
pub(super) struct Calls<'a> {
    signed: &'a Signed,
    region: &'a str,
    config: &'a EcsConfig,
    reads: Gate,
    writes: Gate,
}

impl<'a> Calls<'a> {
    pub(super) fn new(
        signed: &'a Signed,
        region: &'a str,
        config: &'a EcsConfig,
        pace: &CollectPace,
    ) -> Self {
        let (reads, writes) = (Gate::new(pace.read), Gate::new(pace.write));
        Self { signed, region, config, reads, writes }
    }

    /// Every family whose name begins with `prefix` and that has a revision, of whatever status.
    pub(super) async fn families(&mut self, prefix: &str) -> Result<Vec<String>> {
        let body = json!({"familyPrefix": prefix, "status": "ALL"});
        self.all(LIST_FAMILIES, "ListTaskDefinitionFamilies", "families", body).await
    }

    /// The ARNs of the revisions of `family` in `status`. What the API calls a prefix is the whole
    /// name.
    pub(super) async fn revisions(&mut self, family: &str, status: &str) -> Result<Vec<String>> {
        let body = json!({"familyPrefix": family, "status": status});
        self.all(LIST_DEFINITIONS, "ListTaskDefinitions", "taskDefinitionArns", body).await
    }

    /// What DescribeTaskDefinition says of `name`; a family alone means its latest revision that
    /// is ACTIVE. `None` where there is none.
    pub(super) async fn describe(&mut self, name: &str) -> Result<Option<Value>> {
        let body = json!({"taskDefinition": name, "include": ["TAGS"]});
        self.reads.pass().await;
        match self.ask(DESCRIBE_DEFINITION, "DescribeTaskDefinition", &body).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.with("task definition", name)),
        }
    }

    /// Whether a task of `family` runs or is about to, in the configured cluster.
    pub(super) async fn in_use(&mut self, family: &str) -> Result<bool> {
        // A task that is PENDING has the desired status RUNNING.
        let cluster = &self.config.cluster;
        let body = json!({"cluster": cluster, "family": family, "desiredStatus": "RUNNING"});
        let tasks = self.all(LIST, "ListTasks", "taskArns", body).await;
        Ok(!tasks.map_err(|error| error.with("cluster", cluster))?.is_empty())
    }

    /// Makes a definition INACTIVE.
    pub(super) async fn deregister(&mut self, arn: &str) -> Result<()> {
        self.writes.pass().await;
        let body = json!({"taskDefinition": arn});
        let done = self.ask(DEREGISTER, "DeregisterTaskDefinition", &body).await;
        done.map(drop).map_err(|error| error.with("task definition", arn))
    }

    /// Deletes up to [`MOST_DELETED`] definitions that are INACTIVE; gives back what ECS says of
    /// those it does not delete, by ARN.
    pub(super) async fn delete(&mut self, arns: &[&str]) -> Result<Vec<(String, String)>> {
        self.writes.pass().await;
        let body = json!({"taskDefinitions": arns});
        let answer = self.ask(DELETE, "DeleteTaskDefinitions", &body).await?;
        let text = |failure: &Value, name: &str| failure[name].as_str().map(ToOwned::to_owned);
        let failures = answer["failures"].as_array().into_iter().flatten();
        Ok(failures
            .filter_map(|failure| {
                let reason = text(failure, "reason").or_else(|| text(failure, "detail"));
                Some((text(failure, "arn")?, reason.unwrap_or_else(|| "no reason given".into())))
            })
            .collect())
    }

    /// The texts in the list `field` of every page.
    async fn all(
        &mut self,
        call: Call,
        operation: &str,
        field: &str,
        mut body: Value,
    ) -> Result<Vec<String>> {
        let mut found = Vec::new();
        loop {
            self.reads.pass().await;
            let answer = self.ask(call, operation, &body).await?;
            let page = answer[field].as_array().into_iter().flatten();
            found.extend(page.filter_map(Value::as_str).map(ToOwned::to_owned));
            match answer["nextToken"].as_str() {
                Some(token) if body["nextToken"] == token => {
                    let message = "ECS shows the same page again and again";
                    return Err(Error::new(ErrorKind::Unexpected, call.op, message));
                }
                Some(token) => body["nextToken"] = token.into(),
                None => return Ok(found),
            }
        }
    }

    async fn ask(&self, call: Call, operation: &str, body: &Value) -> Result<Value> {
        let mut patience = Patience::new(&self.config.pace, after(self.config.launch_timeout));
        loop {
            match ask(self.signed, call, operation, self.region, body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => patience.bear(error).await?,
            }
        }
    }
}
