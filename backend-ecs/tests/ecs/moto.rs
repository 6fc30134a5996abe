//! moto knows nothing of this project: what it understands has AWS's shape.

use aws_credential_types::Credentials;
use fargate_backend_ecs::{EcsConfig, EcsLauncher};
use fargate_core::{StopCause, TaskLauncher, TaskStatus};
use fargate_test_support::moto::Moto;

use crate::bench::{sdk_with, spec};

#[tokio::test]
async fn the_life_of_a_task_is_understood_by_moto() {
    let moto = Moto::start().await;
    let mut config = EcsConfig::new(moto.cluster(), moto.task_definition());
    config.subnets = vec![moto.subnet().to_owned()];
    config.security_groups = vec![moto.security_group().to_owned()];
    config.launch_type = Some("FARGATE".to_owned());
    config.cpu = Some("512".to_owned());
    config.memory = Some("1024".to_owned());
    let (id, secret) = moto.credentials();
    let credentials = Credentials::new(id, secret, None, None, "test");
    let sdk = sdk_with(moto.url(), moto.region(), credentials);
    let launcher = EcsLauncher::with_sdk_config(config, sdk).await.unwrap();

    let spec = spec().label("project", "group/app");
    let task = launcher.launch(&spec).await.unwrap();
    let status = launcher.status(&task).await.unwrap();
    assert!(matches!(status, TaskStatus::Running { endpoint: Some(_) }), "{status:?}");

    let listed = launcher.list(spec.owner.as_str()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id(), listed[0].key()), (task.id(), Some(spec.key.as_str())));

    launcher.stop(&task, std::time::Duration::from_secs(1)).await.unwrap();
    let TaskStatus::Stopped(stopped) = launcher.status(&task).await.unwrap() else {
        panic!("not stopped")
    };
    assert!(matches!(stopped.cause, StopCause::Requested | StopCause::Unknown), "{stopped:?}");
    assert!(launcher.list(spec.owner.as_str()).await.unwrap().is_empty());
}
