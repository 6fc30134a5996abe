//! moto, which knows nothing of this project, understands a collection.

use fargate_test_support::moto::Moto;
use serde_json::json;

use super::*;
use crate::moto;

/// What is registered is marked, found by its marks, and gone afterwards.
///
/// moto shows families of any status and knows no pages; its DescribeTaskDefinition of a family
/// shows the latest revision whatever its status.
#[tokio::test]
async fn a_collection_is_understood_by_moto() {
    let aws = Moto::start().await;
    let cache = tempfile::tempdir().unwrap();
    let mut config = moto::config(&aws);
    let agent = with_agent(cache.path());
    (config.agent, config.cache_directory) = (agent.agent, agent.cache_directory);
    config.launch_timeout = Duration::from_secs(2);
    let launcher = moto::launcher(&aws, config).await;
    let launch = launcher.launch(&spec().image(TaskImage::new("alpine:3"))).await;
    assert_eq!(launch.unwrap_err().op(), "start task", "moto runs no task of it");
    let derived = async |status: &str| {
        let listed = aws.ecs("ListTaskDefinitions", json!({"status": status})).await;
        let listed = listed["taskDefinitionArns"].as_array().unwrap().clone();
        let name = |arn: &Value| arn.as_str().unwrap().to_owned();
        listed.iter().map(name).find(|arn| arn.contains("/test-task-"))
    };
    let arn = derived("ACTIVE").await.expect("it is registered");
    let name = arn.rsplit('/').next().unwrap().to_owned();

    let what = quick(Duration::ZERO);
    let collect = async |what: &Collection| {
        let mut all = Vec::new();
        let mut told = |one: &Collected| all.push((one.name.clone(), one.fate.clone()));
        launcher.collect(what, &mut told).await.unwrap();
        all
    };
    assert_eq!(collect(&what).await, [(name.clone(), Fate::Kept(Reason::UsedLately))]);
    let tag = json!({"key": "fargate:used", "value": "2020-01-31"});
    aws.ecs("TagResource", json!({"resourceArn": arn, "tags": [tag]})).await;
    assert_eq!(collect(&what).await, [(name, Fate::Deleted)]);
    for status in ["ACTIVE", "INACTIVE"] {
        assert_eq!(derived(status).await, None, "{status}");
    }
    assert_eq!(collect(&what).await, []);
}
