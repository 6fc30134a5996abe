//! What a container has written: GetLogEvents, made by hand.
//!
//! ECS keeps no logs; the log driver `awslogs` sends them to CloudWatch Logs. The SDK for that
//! service is large, and this is one call.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{ContainerDefinition, LogDriver, Task, TaskDefinition};
use fargate_aws_access::from_sdk;
use fargate_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::aws_json::{self, Api};
use crate::error::{DESCRIBE_DEFINITION, READ_LOG};
use crate::signed::{LOGS, Signed};

const API: Api = Api { service: &LOGS, target: "Logs_20140328" };
/// Most events of an answer: API reference of CloudWatch Logs, GetLogEvents.
const MAX_EVENTS: usize = 10_000;
/// Most answers that are asked for: some may be empty although there are events.
const MAX_PAGES: usize = 20;

/// A log stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    region: String,
    group: String,
    name: String,
}

/// The stream of a container of `task`, which runs in `region`; `None` before the task has a
/// definition to look at.
pub(crate) async fn find(
    client: &Client,
    task: &Task,
    container: &str,
    region: &str,
) -> Result<Option<Stream>> {
    let (Some(arn), Some(definition)) = (task.task_arn(), task.task_definition_arn()) else {
        return Ok(None);
    };
    let answer = client.describe_task_definition().task_definition(definition).send().await;
    let answer = answer.map_err(|error| from_sdk(DESCRIBE_DEFINITION, &error))?;
    let Some(shown) = answer.task_definition() else { return Ok(None) };
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let stream = stream(shown, container, id, region);
    stream.map(Some).map_err(|error| error.with("task definition", definition))
}

/// The stream of a container of the task `id`: prefix, container and task ("awslogs-stream-prefix"
/// in the developer guide), which Fargate asks for.
fn stream(shown: &TaskDefinition, container: &str, id: &str, region: &str) -> Result<Stream> {
    let of_name = |one: &&ContainerDefinition| one.name() == Some(container);
    let Some(found) = shown.container_definitions().iter().find(of_name) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            READ_LOG.op,
            format!("the task has no container {container:?}"),
        ));
    };
    let log = found.log_configuration().filter(|log| *log.log_driver() == LogDriver::Awslogs);
    let option = |name: &str| log.and_then(|log| log.options()?.get(name)).map(String::as_str);
    let (Some(group), Some(prefix)) = (option("awslogs-group"), option("awslogs-stream-prefix"))
    else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            READ_LOG.op,
            format!("the container {container:?} does not log to CloudWatch Logs"),
        )
        .hint(
            "give the job's container of the task definition a logConfiguration with the driver \
             awslogs, a group, a region and a stream prefix",
        ));
    };
    Ok(Stream {
        region: option("awslogs-region").unwrap_or(region).to_owned(),
        group: group.to_owned(),
        name: format!("{prefix}/{container}/{id}"),
    })
}

impl Stream {
    /// The last lines, oldest first; none where nothing has been written yet.
    pub(crate) async fn last_lines(&self, signed: &Signed, lines: usize) -> Result<Vec<String>> {
        let mut newest_first = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            if newest_first.len() >= lines {
                break;
            }
            let answer = match self.page(signed, lines, token.as_deref()).await {
                // The driver makes the stream when the container starts.
                Err(error) if error.kind() == ErrorKind::NotFound && is_of_stream(&error) => break,
                answer => answer?,
            };
            let events = answer["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            let messages = events.iter().rev().filter_map(|event| event["message"].as_str());
            newest_first.extend(messages.flat_map(|text| text.lines().rev()).map(str::to_owned));
            // At the beginning of the stream it is the one that was asked with.
            let next = answer["nextBackwardToken"].as_str();
            if next.is_none() || next == token.as_deref() {
                break;
            }
            token = next.map(str::to_owned);
        }
        newest_first.truncate(lines);
        newest_first.reverse();
        Ok(newest_first)
    }

    /// Events in the order of their times: the latest, or those before a token.
    async fn page(&self, signed: &Signed, lines: usize, token: Option<&str>) -> Result<Value> {
        let mut body = json!({
            "logGroupName": self.group, "logStreamName": self.name,
            "limit": lines.clamp(1, MAX_EVENTS), "startFromHead": false,
        });
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        aws_json::ask(signed, READ_LOG, &API, "GetLogEvents", &self.region, &body)
            .await
            .map_err(|error| error.with("log group", &self.group).with("log stream", &self.name))
    }
}

/// Whether it is the stream that is not there, and not its group.
fn is_of_stream(error: &Error) -> bool {
    error.message().to_ascii_lowercase().contains("log stream")
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::LogConfiguration;

    use super::*;

    fn definition(driver: LogDriver, options: &[(&str, &str)]) -> TaskDefinition {
        let options = options.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let log = LogConfiguration::builder()
            .log_driver(driver)
            .set_options(Some(options.collect()))
            .build()
            .unwrap();
        let container = ContainerDefinition::builder().name("db").log_configuration(log).build();
        let plain = ContainerDefinition::builder().name("plain").build();
        TaskDefinition::builder()
            .container_definitions(container)
            .container_definitions(plain)
            .build()
    }

    #[test]
    fn a_stream_is_named_after_prefix_container_and_task() {
        let here = [("awslogs-group", "ci"), ("awslogs-stream-prefix", "job")];
        let found = stream(&definition(LogDriver::Awslogs, &here), "db", "7", "eu-west-1").unwrap();
        let wanted = |region: &str| Stream {
            region: region.to_owned(),
            group: "ci".to_owned(),
            name: "job/db/7".to_owned(),
        };
        assert_eq!(found, wanted("eu-west-1"));
        let there = [here[0], here[1], ("awslogs-region", "us-east-1")];
        let found =
            stream(&definition(LogDriver::Awslogs, &there), "db", "7", "eu-west-1").unwrap();
        assert_eq!(found, wanted("us-east-1"));
    }

    #[test]
    fn a_container_that_logs_elsewhere_or_is_not_there_is_told() {
        let all = [("awslogs-group", "ci"), ("awslogs-stream-prefix", "job")];
        for (definition, container, kind) in [
            (definition(LogDriver::Splunk, &all), "db", ErrorKind::Unsupported),
            (definition(LogDriver::Awslogs, &all[..1]), "db", ErrorKind::Unsupported),
            (definition(LogDriver::Awslogs, &all), "plain", ErrorKind::Unsupported),
            (definition(LogDriver::Awslogs, &all), "other", ErrorKind::NotFound),
        ] {
            let error = stream(&definition, container, "7", "r").unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            let hint = error.advice().unwrap_or_default();
            assert_eq!(hint.contains("awslogs"), kind == ErrorKind::Unsupported, "{error:?}");
        }
    }
}
